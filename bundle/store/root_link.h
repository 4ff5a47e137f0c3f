/* Symbolic links that keep paths alive, in a directory that imports write to. */
#ifndef ROOT_LINK_H
#define ROOT_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Reads the symbolic link NAME; returns false if it is not one, or is longer than
 * expected here. */
bool root_link_read(int dir_fd, const char *name, char *out, size_t size);

/* Keeps other imports from changing links in the directory until DIR_FD is closed, and
 * removes the temporary link that a killed import left. Messages name DIR. */
int root_link_lock(int dir_fd, const char *dir, struct nf_err *err) MUST_CHECK;

/* Makes the link NAME -> TARGET, which atomically replaces one of that name. The
 * directory must be locked, because all imports use the same temporary name. */
int root_link_replace(int dir_fd, const char *name, const char *target,
		      struct nf_err *err) MUST_CHECK;

#endif
