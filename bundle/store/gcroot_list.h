/* Lists and removes the GC roots that imports made. */
#ifndef GCROOT_LIST_H
#define GCROOT_LIST_H

#include <limits.h>
#include <nixferry/storepath.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct gcroot {
	char name[NAME_MAX + 1];
	struct nf_storepath path;
	bool exists;  /* the path is in the store */
	int64_t made; /* creation time: seconds since 1970 */
};

struct gcroot_list {
	struct gcroot *items; /* by name, then by path */
	size_t count;
	size_t cap;
};

void gcroot_list_release(struct gcroot_list *l);

/* Lists the roots of the store below ROOT without writing anything. If there are no
 * roots, or no store, the list is empty. Links to anything other than store paths are
 * skipped. */
int gcroot_list_read(struct gcroot_list *ret, const char *root,
		     struct nf_err *err) MUST_CHECK;

/* Removes the root NAME of the store below ROOT; *ret is the number of paths that it
 * kept, 0 if there is no such root. */
int gcroot_remove(const char *root, const char *name, size_t *ret,
		  struct nf_err *err) MUST_CHECK;

#endif
