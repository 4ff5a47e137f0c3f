/* The text of nix.conf, and the files that it includes.
 * Source of the format: Nix, src/libutil/configuration.cc.
 *
 *   # a comment
 *   name = word word...
 *   include FILE            must be there; relative to the including file
 *   !include FILE           may be missing */
#ifndef NIX_CONF_H
#define NIX_CONF_H

#include <nixferry/slice.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* One "name = value". */
struct nix_conf_entry {
	const char *name; /* as written: aliases and "extra-" are the reader's business */
	const char *value; /* its words, with one space between */
	const char *file;
	unsigned line;
};

/* Appends a whole file to OUT. NF_E_MISSING where there is none; NF_E_SYS where it cannot
 * be read. */
typedef int nix_conf_read_fn(void *ctx, const char *path, struct buf *out,
			     struct nf_err *err);

/* Entries in the order in which they count: a later one overrides. Strings belong to the
 * struct. */
struct nix_conf {
	struct nix_conf_entry *entries;
	size_t count, cap;
	struct arena arena;
	nix_conf_read_fn *read; /* private, as is what follows */
	void *ctx;
	const struct nix_conf_open *open; /* the files that are being read */
	size_t files;
};

/* READ of NULL reads the file system. */
void nix_conf_init(struct nix_conf *c, nix_conf_read_fn *read, void *ctx);
void nix_conf_release(struct nix_conf *c);

/* Adds what TEXT says. FILE is its name in errors and what includes are relative to. What
 * is no line of a nix.conf, an included file that is missing or includes itself, and more
 * files than NIX_CONF_FILES_MAX are NF_E_USAGE: "FILE:LINE: ...". */
int nix_conf_parse(struct nix_conf *c, struct nf_slice text, const char *file,
		   struct nf_err *err) MUST_CHECK;

/* Adds what the file says; NF_E_MISSING or NF_E_SYS if it cannot be read itself. */
int nix_conf_read(struct nix_conf *c, const char *file, struct nf_err *err) MUST_CHECK;

#endif
