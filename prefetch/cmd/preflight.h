/* Checks before anything is fetched: after a night of downloading, it is too late to
 * learn that the output could not be written. */
#ifndef PREFLIGHT_H
#define PREFLIGHT_H

#include <stdbool.h>

#include "base/sandbox.h"
#include "cmd/fetched_bundle.h"
#include "fetch/sizes.h"
#include "pool/pool.h"
#include "store/intake.h"

/* The destination of a bundle. With READ_ONLY no file is created to test it. */
int preflight_output(const char *output, bool json, bool read_only,
		     struct nf_err *err) MUST_CHECK;

struct preflight {
	struct pool *pool;
	/* the bundle that is packed from the pool; its output is NULL if there is none */
	const struct fetched_bundle *bundle;
	struct intake *store; /* the store that is filled from the pool; or NULL */
	bool fills_nothing;
	bool keeps_going; /* complete closures are packed although some path is
			     unavailable */
	struct progress *progress;
};

/* For struct fetch_options, with a struct preflight. Reports what the bundle will lack,
 * and fails if the result cannot fit into the file systems of pool, output and store. */
int preflight_sizes(void *ctx, const struct fetch_sizes *sizes,
		    struct nf_err *err) MUST_CHECK;

/* True if preflight_sizes must run before anything is fetched: a bundle may be
 * incomplete, or little space is free. */
bool preflight_comes_first(const struct preflight *p);

/* Grants writing the bundle (NULL: none): in its directory, or into the pipe. */
void preflight_grant_output(struct sandbox *s, const char *output);

#endif
