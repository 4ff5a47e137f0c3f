/* Names of files, as text: nothing here looks at the file system. */
#ifndef PATH_H
#define PATH_H

#include <nixferry/slice.h>

/* Without empty parts, "." and a slash at the end; ".." removes the part before it, as
 * in Nix's canonPath, whatever the file system says. At "/" it stays there; what goes up
 * from the beginning of a relative path begins with "..". Empty becomes ".". free(). */
char *path_canon(struct nf_slice path);

/* The same of PATH as seen from the directory DIR. free(). */
char *path_canon_from(const char *dir, const char *path);

#endif
