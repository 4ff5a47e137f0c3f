/* Symbolic links that keep paths alive, in a directory that imports write to. */
#ifndef ROOT_LINK_H
#define ROOT_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* The target of the symbolic link NAME; false if it is not one, or longer than any that
 * is expected here. */
bool root_link_read(int dir_fd, const char *name, char *out, size_t size);

/* NAME -> TARGET, which atomically replaces the link that had the name. Two imports into
 * one store do not run at once, so that one temporary name serves all. */
int root_link_replace(int dir_fd, const char *name, const char *target,
		      struct nf_err *err) MUST_CHECK;

/* Removes the temporary link that a killed run left. */
int root_link_clear(int dir_fd, struct nf_err *err) MUST_CHECK;

#endif
