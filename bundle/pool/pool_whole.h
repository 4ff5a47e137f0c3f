/* What of a closure a pool has with all that it refers to: the part that can be packed
 * although some path is missing. */
#ifndef POOL_WHOLE_H
#define POOL_WHOLE_H

#include <stddef.h>

#include "base/cleanup.h"
#include "pool/pool.h"

struct pool_whole {
	/* Whole paths whose closures are all that is whole: those that were asked for,
	 * and those to which no other whole path refers. In order. */
	struct nf_storepath *roots;
	size_t root_count;
	size_t count; /* whole paths, all in all */
	/* Paths of the closure, as far as it is known, that are missing or that refer,
	 * directly or not, to one that is. In order. */
	struct nf_storepath *left_out;
	size_t left_out_count;
	size_t missing; /* of these */
};

#define POOL_WHOLE_INIT                                                                  \
	{                                                                                \
		0                                                                        \
	}

/* PATHS are those that were asked for, then others that are known to be in their closure,
 * though perhaps only a path that is missing refers to them. */
struct pool_whole_question {
	const struct nf_storepath *paths;
	size_t count;
	size_t asked; /* of these */
};

int pool_whole_find(struct pool_whole *ret, struct pool *p,
		    const struct pool_whole_question *q, struct nf_err *err) MUST_CHECK;
void pool_whole_release(struct pool_whole *w);

#endif
