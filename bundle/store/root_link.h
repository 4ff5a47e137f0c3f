/* Symbolic links that keep paths alive, in a directory that imports write to. */
#ifndef ROOT_LINK_H
#define ROOT_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Reads the symbolic link NAME; returns false if it is not one, or is longer than
 * expected here. */
bool root_link_read(int dir_fd, const char *name, char *out, size_t size);

/* Makes the link NAME -> TARGET, which atomically replaces one of that name. One
 * temporary name is enough, because two imports never write to a store at the same
 * time. */
int root_link_replace(int dir_fd, const char *name, const char *target,
		      struct nf_err *err) MUST_CHECK;

/* Removes the temporary link that a killed run left. */
int root_link_clear(int dir_fd, struct nf_err *err) MUST_CHECK;

#endif
