/* GC roots, which keep imported paths alive: links in gcroots/nixferry. A root has a name
 * and holds one path or more: NAME -> the first, NAME~2 -> the second, and so on. Earlier
 * versions made links HASH-NAME instead, which have that as their name. */
#ifndef GCROOT_H
#define GCROOT_H

#include <nixferry/storepath.h>

#include "base/err.h"
#include "store/target.h"

#define GCROOT_NAME_MAX NF_STOREPATH_NAME_MAX

/* Whether NAME may be given to a root: NF_E_USAGE says why not. */
int gcroot_check_name(const char *name, struct nf_err *err) MUST_CHECK;

/* The name of a root that was given none: the name of PATH without its version, as Nix
 * parts them. Borrowed from PATH. */
struct nf_slice gcroot_default_name(const struct nf_storepath *path);

/* Makes the roots hold PATHS and nothing else: the root NAME all of them or, with NULL,
 * the root of each one's default name. What such a root held is let go once what it holds
 * now is durable. Killed on the way, it holds both. */
int gcroot_set(const struct target *t, const char *name, const struct nf_storepath *paths,
	       size_t count, struct nf_err *err) MUST_CHECK;

/* The names of the roots that gcroot_set makes, sorted: *ret and each of them are the
 * caller's (free()). */
size_t gcroot_names(char ***ret, const char *name, const struct nf_storepath *paths,
		    size_t count);

/* A profile keeps PATH alive: the root of its default name, which an earlier import may
 * have made, goes, and so does the link HASH-NAME to PATH. */
int gcroot_drop(const struct target *t, const struct nf_storepath *path,
		struct nf_err *err) MUST_CHECK;

#endif
