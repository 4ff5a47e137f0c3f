/* The part of a fetch that other threads do: a NAR is decoded, verified and kept. Workers
 * take what is whole on this machine. Followers begin with what still comes, so that not
 * much of a large NAR is left to do when the last of it has come; they are threads of
 * their own, because they wait for the network most of the time. */
#ifndef INGEST_H
#define INGEST_H

#include <nixferry/trust.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/codec.h"
#include "base/err.h"
#include "caches/local_source.h"
#include "fetch/destination.h"
#include "fetch/follow.h"
#include "pool/pool.h"

/* The threads, and what they have in hand. */
struct ingests;

/* All borrowed. */
struct ingests_options {
	size_t workers;
	struct destination *destination;
	/* Jobs that begin once it is set end at once, with NF_E_INTR. */
	const atomic_bool *is_broken;
	/* Called by another thread when a job is over; may be NULL. */
	void (*wakeup)(void *ctx);
	void *wakeup_ctx;
};

struct ingests *ingests_new(const struct ingests_options *opts);
/* Waits for the jobs of workers; those of followers must have been taken back. DONE of
 * what is over must have been called before, or is not called any more. */
void ingests_free(struct ingests *in);

/* Part of whatever waits for it. The owner fills in the first group, submits, and has the
 * second when DONE is called. */
struct ingest {
	struct ingests *ingests;
	struct nf_pathinfo info; /* the owner's to release */
	struct nf_trusted trusted;
	enum codec codec;
	const char *unknown; /* the encoding that the cache names, where it is not one
				of ours; or NULL */
	struct local_source *local;   /* where it is; NULL: PARTIAL is it */
	const char *local_url;	      /* its name there */
	struct pool_partial *partial; /* consumed where it is of use */
	void (*done)(struct ingest *job);

	int rc;
	struct nf_err err;
	bool unreadable;      /* the local source failed us, not where it goes */
	uint64_t local_bytes; /* read from the local source */
	bool was_followed; /* a failure may be of what came early; a worker will tell */
	/* Ours. */
	struct follow *follow; /* a follower has it; NULL: a worker or nobody */
	bool is_waited_for;    /* counted as under way */
	bool is_back;	       /* under the lock: in the list of what is over */
	struct ingest *next;
};

/* Hands the job to a worker; may wait for one. */
void ingest_submit(struct ingest *job);

/* Hands a partial download that still comes to a follower, if one has nothing to do;
 * follow_advance is the owner's then. */
bool ingest_follow(struct ingest *job);
/* It is whole now: DONE will be called. */
void ingest_is_whole(struct ingest *job);
/* Takes a job that was not told to be whole back from its follower, waiting until it let
 * go: it is as if it had not been handed over. */
void ingest_withdraw(struct ingest *job);

/* Calls DONE of all jobs that are over since the last time; of a follower's also where it
 * failed before the download was whole. */
void ingests_collect(struct ingests *in);

/* Jobs of workers, and of followers whose download is whole, that are not collected. */
size_t ingests_under_way(const struct ingests *in);

/* Waits until none of these is running; they are not collected by that. */
void ingests_wait(struct ingests *in);
/* Waits until no follower has a job; all must be whole or withdrawn or broken. */
void ingests_wait_followers(struct ingests *in);

#endif
