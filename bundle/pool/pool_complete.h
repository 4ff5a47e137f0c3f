/* Finds the complete paths of a closure, those that the pool has with all references:
 * they can be packed even though some path is missing. */
#ifndef POOL_COMPLETE_H
#define POOL_COMPLETE_H

#include <stddef.h>

#include "base/cleanup.h"
#include "pool/pool.h"

struct pool_complete {
	/* Complete paths whose closures contain all complete paths: those that were
	 * requested, and those to which no other complete path refers. Sorted. */
	struct nf_storepath *roots;
	size_t root_count;
	size_t count; /* total number of complete paths */
	/* Paths of the known part of the closure that are missing or depend on a missing
	 * one. Sorted. */
	struct nf_storepath *left_out;
	size_t left_out_count;
	size_t missing; /* how many of these are missing */
};

#define POOL_COMPLETE_INIT                                                               \
	{                                                                                \
		0                                                                        \
	}

/* PATHS are the requested ones, followed by others known to be in their closure, though
 * perhaps only a missing path refers to them. */
struct pool_complete_question {
	const struct nf_storepath *paths;
	size_t count;
	size_t asked;		      /* how many of these were requested */
	const struct inventory *have; /* paths that need not be in the pool; or NULL */
};

int pool_complete_find(struct pool_complete *ret, struct pool *p,
		       const struct pool_complete_question *q,
		       struct nf_err *err) MUST_CHECK;
void pool_complete_release(struct pool_complete *w);

#endif
