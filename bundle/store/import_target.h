/* What may be imported into, and how what is imported is kept. */
#ifndef IMPORT_TARGET_H
#define IMPORT_TARGET_H

#include "base/err.h"

/* ROOT must be a directory, and not the root of the running system. */
int import_target_check_root(const char *root, struct nf_err *err) MUST_CHECK;

/* The same of a root that may still have to be made, and whether PROFILE (or NULL) and
 * GC_ROOT (or NULL) are names of such, and exclude each other. */
int import_target_check(const char *root, const char *profile, const char *gc_root,
			struct nf_err *err) MUST_CHECK;

#endif
