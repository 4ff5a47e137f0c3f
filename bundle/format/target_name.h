/* What a user may write to name store paths: "/nix/store/HASH-NAME" and what is below
 * one, "HASH-NAME", a symbolic link that leads to one ("./result"), something below such
 * a link, a derivation with some of its outputs ("DRV!out,dev", "DRV^*"), an attribute of
 * a flake ("FLAKE#ATTR", "FLAKE#ATTR^dev"), and lists of these. */
#ifndef TARGET_NAME_H
#define TARGET_NAME_H

#include <nixferry/storepath.h>
#include <stddef.h>

#include "base/err.h"

struct target_name {
	struct nf_storepath path;
	/* Of a derivation, what follows '!' or '^': names of outputs, checked, separated
	 * by commas, or "*" for all of them. NULL where nothing was said, and always for
	 * other paths. The target's. */
	char *outputs;
};

void target_name_release(struct target_name *t);

/* Looks at the file system only for what is neither of the first two, and asks nix only
 * for a flake's attribute. NF_E_USAGE names the text and says why it is no target. *RET
 * is set on success only. */
int target_name_resolve(struct target_name *ret, struct nf_slice text,
			struct nf_err *err) MUST_CHECK;

/* A growing set of targets. */
struct target_names {
	struct target_name *items; /* owned */
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

/* The lines of FILE, "-" being standard input; xz is decoded (a channel's
 * store-paths.xz). */
int target_names_add_file(struct target_names *t, const char *file,
			  struct nf_err *err) MUST_CHECK;

/* Sorts by base name and outputs, and drops what is there twice. */
void target_names_sort(struct target_names *t);

#endif
