/* What a user may write to name store paths: "/nix/store/HASH-NAME" or something below
 * it, "HASH-NAME", a symbolic link to one ("./result") or something below such a link, a
 * derivation with some of its outputs ("DRV!out,dev", "DRV^*"), an attribute of a flake
 * ("FLAKE#ATTR", "FLAKE#ATTR^dev"), one of its NixOS configurations ("FLAKE#NAME"; the
 * directory of a flake alone: that of this host), and lists of these. */
#ifndef INSTALLABLE_H
#define INSTALLABLE_H

#include <nixferry/storepath.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct installable {
	struct nf_storepath path;
	/* For a derivation, the text after '!' or '^': validated names of outputs,
	 * separated by commas, or "*" for all. NULL if it was not given, and for all
	 * other paths. Owned. */
	char *outputs;
	bool is_flake; /* it was named as an attribute of a flake */
};

void installable_release(struct installable *t);

/* The first two forms are parsed without access to the file system, and only a flake
 * runs nix. NF_E_USAGE names the text and says why it is not an installable.
 * *RET is set on success only. */
int installable_resolve(struct installable *ret, struct nf_slice text,
			struct nf_err *err) MUST_CHECK;

/* A growing set of installables. */
struct installables {
	struct installable *items; /* owned */
	size_t count;
	size_t cap;
};

#define INSTALLABLES_INIT                                                                \
	{                                                                                \
		0                                                                        \
	}

void installables_release(struct installables *t);

int installables_add(struct installables *t, struct nf_slice text,
		     struct nf_err *err) MUST_CHECK;

/* One installable per line; empty lines and lines that begin with '#' are skipped. Errors
 * begin with NAME and the line number. */
int installables_add_lines(struct installables *t, const char *name, struct nf_slice text,
			   struct nf_err *err) MUST_CHECK;

/* Adds the lines of FILE, where "-" is standard input; xz is decoded (a channel's
 * store-paths.xz). */
int installables_add_file(struct installables *t, const char *file,
			  struct nf_err *err) MUST_CHECK;

/* Sorts by base name and outputs, and removes duplicates. */
void installables_sort(struct installables *t);

#endif
