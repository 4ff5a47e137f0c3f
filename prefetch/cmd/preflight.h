/* What is looked at before anything is fetched: a night is too long to learn in the
 * morning that the output could never be written. */
#ifndef PREFLIGHT_H
#define PREFLIGHT_H

#include <stdbool.h>

#include "fetch/sizes.h"
#include "pool/pool.h"

/* Where a bundle is to go. With READ_ONLY nothing is made to try it. */
int preflight_output(const char *output, bool json, bool read_only,
		     struct nf_err *err) MUST_CHECK;

/* The file systems that a fetch fills: of the pool and of the output, which may be the
 * same one. */
struct preflight {
	struct pool *pool;
	const char *output; /* NULL: none, or one that takes no space */
};

/* Of struct fetch_options, with a struct preflight. Refuses what is sure not to fit. */
int preflight_sizes(void *ctx, const struct fetch_sizes *sizes,
		    struct nf_err *err) MUST_CHECK;

/* True if so little is free that the sizes are to be known before anything is fetched. */
bool preflight_is_tight(const struct preflight *p);

#endif
