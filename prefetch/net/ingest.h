/* The part of a fetch that workers do: a NAR, whole on this machine, is decoded, verified
 * and kept. */
#ifndef INGEST_H
#define INGEST_H

#include <nixferry/trust.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/codec.h"
#include "base/err.h"
#include "net/local_source.h"
#include "pool/pool.h"

struct engine;

/* Part of whatever waits for it. The owner fills in the first group, submits, and has the
 * second when DONE is called. */
struct ingest {
	struct engine *engine;
	struct nf_pathinfo info; /* the owner's to release */
	struct nf_trusted trusted;
	enum codec codec;
	struct local_source *local;   /* where it is; NULL: PARTIAL is it */
	const char *local_url;	      /* its name there */
	struct pool_partial *partial; /* consumed where it is of use */
	void (*done)(struct ingest *job);

	int rc;
	struct nf_err err;
	bool unreadable;      /* the local source failed us, not where it goes */
	uint64_t local_bytes; /* read from the local source */
	struct ingest *next;
};

/* Hands the job to a worker; may wait for one. */
void ingest_submit(struct ingest *job);

/* Calls DONE of all jobs that workers have finished since the last time. */
void ingest_collect(struct engine *e);

#endif
