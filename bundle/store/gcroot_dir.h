/* The directory of the GC roots that imports make. */
#ifndef GCROOT_DIR_H
#define GCROOT_DIR_H

#include <nixferry/slice.h>

#include "base/err.h"
#include "store/target.h"

#define GCROOT_DIR "gcroots/nixferry"

/* Opens it; creates it if it is missing. */
int gcroot_dir_make(int *ret, const struct target *t, struct nf_err *err) MUST_CHECK;

/* Opens that of the store below ROOT; *ret is -1 if it does not exist. */
int gcroot_dir_find(int *ret, const char *root, struct nf_err *err) MUST_CHECK;

/* Calls FN for each entry of any kind except "." and "..". FN may remove the entry. */
typedef int gcroot_dir_fn(void *ctx, int dir_fd, const char *entry, struct nf_err *err);
int gcroot_dir_each(int dir_fd, gcroot_dir_fn *fn, void *ctx,
		    struct nf_err *err) MUST_CHECK;

/* The root that the link ENTRY belongs to: the part before the first '
 * '. */
struct nf_slice gcroot_dir_root(const char *entry);

/* Removes ENTRY if it is a symbolic link; ignores anything else. */
int gcroot_dir_unlink(int dir_fd, const char *entry, struct nf_err *err) MUST_CHECK;

#endif
