/* From pool entries to a bundle. */
#ifndef PACK_H
#define PACK_H

#include <nixferry/key.h>
#include <nixferry/storepath.h>

#include "base/progress.h"
#include "pool/pool.h"

struct pack_options {
	const struct nf_storepath
		*roots; /* each with its closure, all of it in the pool */
	size_t root_count;
	const struct nf_secret_key
		*key; /* signs the bundle, and paths that have no signature or that
			 only a trusted store vouched for */
	int level;    /* zstd level, or POOL_KEEP: each NAR as it is in the pool */
	size_t jobs;  /* 0: one a processor */
	struct progress *progress;
};

struct pack_result {
	size_t paths;
	uint64_t nar_bytes; /* unpacked */
	uint64_t bundle_bytes;
};

/* Writes the closure of the roots to the file OUTPUT (temporary name, fsync, rename) or,
 * if it is
 * "-", to standard output. Entries in another encoding than LEVEL asks for are encoded
 * anew into the pool first. NF_E_MISSING names a path of the closure that is not in the
 * pool and who refers to it. */
int pack_bundle(struct pool *p, const char *output, const struct pack_options *opts,
		struct pack_result *ret, struct nf_err *err) MUST_CHECK;

#endif
