/* What is looked at before anything is fetched: a night is too long to learn in the
 * morning that the output could never be written. */
#ifndef PREFLIGHT_H
#define PREFLIGHT_H

#include <stdbool.h>

#include "cmd/fetched_bundle.h"
#include "fetch/sizes.h"
#include "pool/pool.h"
#include "store/intake.h"

/* Where a bundle is to go. With READ_ONLY nothing is made to try it. */
int preflight_output(const char *output, bool json, bool read_only,
		     struct nf_err *err) MUST_CHECK;

struct preflight {
	struct pool *pool;
	/* The bundle that is packed from the pool; its output NULL: none. */
	const struct fetched_bundle *bundle;
	struct intake *store; /* that is filled from the pool; or NULL */
	bool fills_nothing;
	bool keeps_going; /* what is whole is packed although a path cannot be had */
	struct progress *progress;
};

/* Of struct fetch_options, with a struct preflight. Says what the bundle will lack, and
 * refuses what is sure not to fit into the file systems of pool, output and store. */
int preflight_sizes(void *ctx, const struct fetch_sizes *sizes,
		    struct nf_err *err) MUST_CHECK;

/* True if what preflight_sizes says is to be known before anything is fetched: a bundle
 * may become incomplete, or little space is free. */
bool preflight_comes_first(const struct preflight *p);

#endif
