/* The GC roots that imports made: to be shown, and to be removed. */
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
	int64_t made; /* when: seconds since 1970 */
};

struct gcroot_list {
	struct gcroot *items; /* by name, then by path */
	size_t count;
	size_t cap;
};

void gcroot_list_release(struct gcroot_list *l);

/* What the roots of the store below ROOT hold. Nothing is written; a store without roots,
 * or no store, has none. Links to anything but store paths are left out. */
int gcroot_list_read(struct gcroot_list *ret, const char *root,
		     struct nf_err *err) MUST_CHECK;

/* Removes the root NAME of the store below ROOT; *ret says how many paths it held, 0 if
 * there is no such root. */
int gcroot_remove(const char *root, const char *name, size_t *ret,
		  struct nf_err *err) MUST_CHECK;

#endif
