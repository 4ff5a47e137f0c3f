/* The main loop of a fetch, or of a query. */
#ifndef LOOP_H
#define LOOP_H

#include "fetch/engine.h"

/* Opens what OPTS names; close it even after a failure. */
int loop_open(struct engine *e, const struct fetch_options *opts,
	      struct fetch_result *result, struct nf_err *err) MUST_CHECK;
/* Runs until nothing is left to do; failures of paths are in e->rc and the result. */
int loop_run(struct engine *e, struct nf_err *err) MUST_CHECK;
void loop_close(struct engine *e);

#endif
