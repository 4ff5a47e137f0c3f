/* nix-daemon's store as the target of a fetch: what it has is not fetched; what comes
 * goes into the pool, and from there to the daemon once the closure is complete. */
#ifndef DAEMON_TARGET_H
#define DAEMON_TARGET_H

#include <nixferry/import.h>
#include <nixferry/key.h>

#include "base/cleanup.h"
#include "base/progress.h"
#include "pool/pool.h"
#include "store/intake.h"

struct daemon_target;

/* Connects. ROOT is the target as the user named it. PROGRESS is borrowed. */
int daemon_target_open(struct daemon_target **ret, const char *root,
		       struct progress *progress, struct nf_err *err) MUST_CHECK;
void daemon_target_free(struct daemon_target *t);
DEFINE_CLEANUP(struct daemon_target *, daemon_target_free)

/* What the daemon says of a path: NF_E_MISSING if it is not valid. It stays as it is as
 * long as the target is open. INFO is always initialised. One thread at a time. */
int daemon_target_find(struct daemon_target *t, const struct nf_storepath *path,
		       struct nf_pathinfo *info, struct nf_err *err) MUST_CHECK;

struct daemon_target_fill {
	struct pool *pool;
	const struct nf_keyring *keys;
	size_t jobs; /* connections; 0: as many as suit the processors */
	struct intake_roots roots;
};

/* Sends what the daemon lacks of the closure of the roots, and makes the roots. RET says
 * what was done, also on failure. */
int daemon_target_fill(struct daemon_target *t, const struct daemon_target_fill *fill,
		       struct nf_import_result *ret, struct nf_err *err) MUST_CHECK;

#endif
