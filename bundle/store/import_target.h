/* Checks the target store of an import, and the names of its profile and GC root. */
#ifndef IMPORT_TARGET_H
#define IMPORT_TARGET_H

#include "base/err.h"

/* ROOT must be a directory, and not the root of the running system. */
int import_target_check_root(const char *root, struct nf_err *err) MUST_CHECK;

/* The same for a root that may not exist yet. Also checks that PROFILE and GC_ROOT (each
 * may be NULL) are valid names and are not both given. */
int import_target_check(const char *root, const char *profile, const char *gc_root,
			struct nf_err *err) MUST_CHECK;

#endif
