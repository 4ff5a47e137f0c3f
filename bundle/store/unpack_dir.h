/* The directory in a target's store that trees are unpacked in before they are moved to
 * their places: one for all imports, one import at a time. */
#ifndef UNPACK_DIR_H
#define UNPACK_DIR_H

#include <stdbool.h>

#include "base/err.h"
#include "store/target.h"

/* Newer collectors leave directories of this prefix alone while they are locked; older
 * ones must be kept out (nix_lock_collector). */
#define UNPACK_DIR_NAME "tmp-nixferry"

/* Makes, locks and empties it; *ret_fd is the caller's and holds the lock, *ret_left says
 * whether a killed import left it. NF_E_SYS if another import has it. */
int unpack_dir_open(int *ret_fd, const struct target *t, bool *ret_left,
		    struct nf_err *err) MUST_CHECK;

/* Removes it with what is left in it; FD still has the lock. */
int unpack_dir_remove(const struct target *t, struct nf_err *err) MUST_CHECK;

#endif
