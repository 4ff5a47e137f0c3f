/* Reading every NAR that an import plan wants, on all processors. */
#ifndef IMPORT_RUN_H
#define IMPORT_RUN_H

#include "base/err.h"
#include "base/progress.h"
#include "store/import_plan.h"

struct import_run_options {
	struct import_plan *plan;
	size_t jobs; /* threads; 0: one a processor */
	struct progress *progress;
	const char *verb; /* what is done to a path: a literal */
	/* Where a NAR that several paths of a stream share is kept meanwhile. */
	int spool_fd;
	/* Takes one path's decoded NAR, verified once it was read to its end. Any thread.
	 */
	int (*consume)(void *ctx, struct import_path *path, struct nf_source *nar,
		       struct nf_err *err);
	/* Called from time to time on the thread that called import_run; may be NULL. */
	int (*idle)(void *ctx, struct nf_err *err);
	void *ctx;
};

/* Gives every path in state IMPORT_WANTED to consume, and makes it IMPORT_UNPACKED after
 * that. Ends at the first failure, which is returned. */
int import_run(const struct import_run_options *opts, struct nf_err *err) MUST_CHECK;

#endif
