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
	const char *name;  /* as written: callers resolve aliases and "extra-" */
	const char *value; /* its words, separated by single spaces */
	const char *file;
	unsigned line;
};

/* Appends a whole file to OUT. NF_E_MISSING if it does not exist; NF_E_SYS if it cannot
 * be read. */
typedef int nix_conf_read_fn(void *ctx, const char *path, struct buf *out,
			     struct nf_err *err);

/* The entries in order of precedence: a later one overrides. The struct owns the
 * strings. */
struct nix_conf {
	struct nix_conf_entry *entries;
	size_t count, cap;
	struct arena arena;
	nix_conf_read_fn *read; /* private, as is everything below */
	void *ctx;
	const struct nix_conf_open *open; /* the open files */
	size_t files;
};

/* If READ is NULL, files are read from the file system. */
void nix_conf_init(struct nix_conf *c, nix_conf_read_fn *read, void *ctx);
void nix_conf_release(struct nix_conf *c);

/* Adds the entries of TEXT. FILE is its name in errors, and includes are relative to it.
 * NF_E_USAGE ("FILE:LINE: ...") for an invalid line, an included file that is missing or
 * includes itself, and more than NIX_CONF_FILES_MAX files. */
int nix_conf_parse(struct nix_conf *c, struct nf_slice text, const char *file,
		   struct nf_err *err) MUST_CHECK;

/* Adds the entries of the file; NF_E_MISSING or NF_E_SYS if the file itself cannot be
 * read. */
int nix_conf_read(struct nix_conf *c, const char *file, struct nf_err *err) MUST_CHECK;

#endif
