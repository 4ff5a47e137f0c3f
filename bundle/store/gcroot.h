/* GC roots, which keep imported paths alive: links in gcroots/nixferry. A root has a name
 * and keeps one path or more: NAME -> the first, NAME
 * 2 -> the second, and so on. Earlier versions made links HASH-NAME instead; each counts
 * as a root of that name. */
#ifndef GCROOT_H
#define GCROOT_H

#include <nixferry/storepath.h>

#include "base/err.h"
#include "store/target.h"

#define GCROOT_NAME_MAX NF_STOREPATH_NAME_MAX

/* Checks whether a root may be called NAME; NF_E_USAGE says why not. */
int gcroot_check_name(const char *name, struct nf_err *err) MUST_CHECK;

/* The default name of a root: the name of PATH without its version, which is split off as
 * Nix does. Borrowed from PATH. */
struct nf_slice gcroot_default_name(const struct nf_storepath *path);

/* Makes the roots keep PATHS and nothing else: the root NAME keeps all of them or, if
 * NAME is NULL, each path gets a root of its default name. Old links of these roots are
 * removed only once the new ones are durable. If the process is killed in between, a root
 * keeps both. */
int gcroot_set(const struct target *t, const char *name, const struct nf_storepath *paths,
	       size_t count, struct nf_err *err) MUST_CHECK;

/* The same in the directory that DIR_FD has open. */
int gcroot_set_at(int dir_fd, const char *name, const struct nf_storepath *paths,
		  size_t count, struct nf_err *err) MUST_CHECK;

/* Returns the names of the roots that gcroot_set makes, sorted. The caller frees *ret and
 * each name. */
size_t gcroot_names(char ***ret, const char *name, const struct nf_storepath *paths,
		    size_t count);

/* To be called when a profile keeps PATH alive: removes the root of its default name,
 * which an earlier import may have made, and the link HASH-NAME to PATH. */
int gcroot_drop(const struct target *t, const struct nf_storepath *path,
		struct nf_err *err) MUST_CHECK;

#endif
