/* Reads every NAR that an import plan needs, on all processors. */
#ifndef IMPORT_RUN_H
#define IMPORT_RUN_H

#include "base/err.h"
#include "base/progress.h"
#include "store/import_plan.h"

struct import_run_options {
	struct import_plan *plan;
	size_t jobs; /* number of threads; 0: one per processor */
	struct progress *progress;
	const char *verb; /* what is done to a path, for messages: a literal */
	/* Where to keep a NAR that several paths of a stream share. */
	int spool_fd;
	/* The nix/store with the bases of patches. -1: patches are read, but not applied;
	 * their paths stay IMPORT_WANTED. */
	int store_fd;
	/* Takes the decoded NAR of one path; it is verified once read to its end. Called
	 * on any thread. */
	int (*consume)(void *ctx, struct import_path *path, struct nf_source *nar,
		       struct nf_err *err);
	/* Called from time to time on the thread that called import_run; may be NULL. */
	int (*idle)(void *ctx, struct nf_err *err);
	void *ctx;
};

/* Passes every path in state IMPORT_WANTED to consume, and then sets it to
 * IMPORT_UNPACKED. Stops at the first failure and returns it; but a path whose patch
 * cannot be applied is left, with a note, and returned after all others were passed. */
int import_run(const struct import_run_options *opts, struct nf_err *err) MUST_CHECK;

/* Where a spool goes that is no target's: $TMPDIR or /tmp. */
const char *import_run_temp_dir(void);

#endif
