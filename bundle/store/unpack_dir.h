/* The directory in a target store where trees are unpacked before they are moved into
 * place: one for all imports, used by one import at a time. */
#ifndef UNPACK_DIR_H
#define UNPACK_DIR_H

#include <stdbool.h>

#include "base/err.h"
#include "store/target.h"

/* Newer collectors skip directories with this prefix while they are locked; older ones
 * must be kept out (nix_lock_collector). */
#define UNPACK_DIR_NAME "tmp-nixferry"

/* Creates, locks and empties it. *ret_fd, which the caller closes, holds the lock.
 * *ret_left says whether a killed import left the directory. NF_E_SYS if another import
 * uses it. */
int unpack_dir_open(int *ret_fd, const struct target *t, bool *ret_left,
		    struct nf_err *err) MUST_CHECK;

/* Removes it with its contents; FD still holds the lock. */
int unpack_dir_remove(const struct target *t, struct nf_err *err) MUST_CHECK;

#endif
