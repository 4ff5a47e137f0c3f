/* Checks the target store of an import, and the names of its profile and GC root. */
#ifndef IMPORT_TARGET_H
#define IMPORT_TARGET_H

#include <stdbool.h>

#include "base/err.h"
#include "base/progress.h"

/* Whether ROOT is the root of the running system. */
bool import_target_is_live(const char *root);

/* Whether ROOT is nix-daemon's store: "daemon", or the root of the running system where
 * the user is not root. */
bool import_target_is_daemon(const char *root);

/* Tells that the daemon is used for a ROOT that does not name it. */
void import_target_note_daemon(const char *root, struct progress *progress);

/* ROOT must be nix-daemon's store or a directory. */
int import_target_check_root(const char *root, struct nf_err *err) MUST_CHECK;

/* The same for a root that may not exist yet. Also checks that PROFILE and GC_ROOT (each
 * may be NULL) are valid names and are not both given. */
int import_target_check(const char *root, const char *profile, const char *gc_root,
			struct nf_err *err) MUST_CHECK;

#endif
