/* The store that a fetch fills: one below a root, or nix-daemon's. */
#ifndef FETCH_TARGET_H
#define FETCH_TARGET_H

#include "fetch/daemon_target.h"
#include "store/intake.h"

/* Both are NULL without a target store, else one is. */
struct fetch_target {
	struct intake *intake;
	struct daemon_target *daemon; /* filled from the pool */
};

struct fetch_target_options {
	const char *root; /* as the user names it; NULL: no target store */
	bool read_only;
	bool repair;   /* as intake_find_damage */
	bool optimise; /* as intake_share_files */
	size_t jobs;   /* 0: one per processor */
	struct progress *progress;
};

/* Opens the store, so that its problems are known before anything is fetched. RET is
 * always initialised. */
int fetch_target_open(struct fetch_target *ret, const struct fetch_target_options *opts,
		      struct nf_err *err) MUST_CHECK;
void fetch_target_release(struct fetch_target *t);

/* After a fetch that returned RC: reports in RET what was imported; on success sends the
 * pool's paths to nix-daemon, and makes the roots. Returns RC or a failure of its own. */
int fetch_target_finish(struct fetch_target *t, int rc,
			const struct daemon_target_fill *fill,
			struct nf_import_result *ret, struct nf_err *err) MUST_CHECK;

#endif
