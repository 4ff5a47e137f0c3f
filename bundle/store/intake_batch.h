/* Which of the paths that wait can be registered now. Pure but for its question. */
#ifndef INTAKE_BATCH_H
#define INTAKE_BATCH_H

#include <nixferry/pathinfo.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* A path that waits, and why it does. */
struct intake_wait {
	const struct nf_pathinfo *info;
	bool is_ready;
	/* Where it is not: what it refers to directly or through others that wait and
	 * nobody has; empty: it refers to itself through others. */
	struct nf_slice missing;
};

/* Whether a path that is not among those that wait is there. */
typedef int (*intake_has_fn)(void *ctx, struct nf_slice base, bool *ret,
			     struct nf_err *err);

/* Finds the largest set of paths that is closed under references: marks them, and puts
 * their numbers into ORDER (room for COUNT), references first; *ret_ready counts them. */
int intake_batch_find(struct intake_wait *paths, size_t count, intake_has_fn has,
		      void *ctx, size_t *order, size_t *ret_ready,
		      struct nf_err *err) MUST_CHECK;

#endif
