/* The names of store paths, taken apart as Nix does (DrvName). */
#ifndef PATH_NAME_H
#define PATH_NAME_H

#include <nixferry/slice.h>

/* "openssl" of "openssl-3.0.14-dev": NAME up to the first hyphen that no letter follows,
 * after which the version begins. All of NAME if it has no version. */
struct nf_slice path_name_stem(struct nf_slice name);

#endif
