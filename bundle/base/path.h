/* File names, as text: nothing here accesses the file system. */
#ifndef PATH_H
#define PATH_H

#include <nixferry/slice.h>

/* Removes empty components, "." and a trailing slash; ".." removes the component before
 * it, as Nix's canonPath does, regardless of the file system. "/.." is "/". A relative
 * path may begin with "..". An empty path becomes ".". free(). */
char *path_canon(struct nf_slice path);

/* The same for PATH relative to the directory DIR. free(). */
char *path_canon_from(const char *dir, const char *path);

#endif
