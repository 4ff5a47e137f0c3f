/* Checks whether the paths that a store's database calls valid are on the disk. */
#ifndef DISK_CHECK_H
#define DISK_CHECK_H

#include <nixferry/storepath.h>
#include <stdbool.h>

#include "base/err.h"

/* Reports a missing path: its base name, and the store's root. */
#define DISK_CHECK_LOST "'" NF_STORE_DIR "/%s' is valid in '%s', but missing on the disk"

/* Looks for BASE in STORE_FD, the store's directory below ROOT, or -1 if there is no such
 * directory. */
int disk_check(int store_fd, const char *root, const char *base, bool *ret_there,
	       struct nf_err *err) MUST_CHECK;

#endif
