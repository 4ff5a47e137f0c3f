/* Decides which waiting paths can be registered now. Pure, except for its call-back. */
#ifndef INTAKE_BATCH_H
#define INTAKE_BATCH_H

#include <nixferry/pathinfo.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* A waiting path, and why it waits. */
struct intake_wait {
	const struct nf_pathinfo *info;
	bool is_ready;
	/* The missing path that it refers to, directly or through other waiting paths;
	 * empty if it refers to itself through others. */
	struct nf_slice missing;
};

/* Whether a path that is not among the waiting ones is valid. */
typedef int (*intake_has_fn)(void *ctx, struct nf_slice base, bool *ret,
			     struct nf_err *err);

/* Finds the largest set of paths that is closed under references: marks them and stores
 * their numbers in ORDER (room for COUNT), references first; *ret_ready is their
 * number. */
int intake_batch_find(struct intake_wait *paths, size_t count, intake_has_fn has,
		      void *ctx, size_t *order, size_t *ret_ready,
		      struct nf_err *err) MUST_CHECK;

#endif
