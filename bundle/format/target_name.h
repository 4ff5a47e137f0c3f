/* What a user may write to name store paths: "/nix/store/HASH-NAME" and what is below
 * one, "HASH-NAME", a symbolic link that leads to one ("./result"), and lists of these.
 */
#ifndef TARGET_NAME_H
#define TARGET_NAME_H

#include <nixferry/storepath.h>
#include <stddef.h>

#include "base/err.h"

/* Looks at the file system only for what is neither of the first two. NF_E_USAGE names
 * the text and says why it names no store path; a flake reference ("FLAKE#ATTR") too. */
int target_name_resolve(struct nf_storepath *ret, struct nf_slice text,
			struct nf_err *err) MUST_CHECK;

/* A growing set of paths. */
struct target_names {
	struct nf_storepath *paths; /* owned */
	size_t count;
	size_t cap;
};

#define TARGET_NAMES_INIT                                                                \
	{                                                                                \
		0                                                                        \
	}

void target_names_release(struct target_names *t);

int target_names_add(struct target_names *t, struct nf_slice text,
		     struct nf_err *err) MUST_CHECK;

/* One a line; empty lines and those that begin with '#' are skipped. Errors begin with
 * NAME and the line's number. */
int target_names_add_lines(struct target_names *t, const char *name, struct nf_slice text,
			   struct nf_err *err) MUST_CHECK;

/* The lines of FILE, "-" being standard input. */
int target_names_add_file(struct target_names *t, const char *file,
			  struct nf_err *err) MUST_CHECK;

/* Sorts by base name and drops what is there twice. */
void target_names_sort(struct target_names *t);

#endif
