/* Texts that the store's database is opened with and holds. */
#ifndef STORE_TEXT_H
#define STORE_TEXT_H

#include <nixferry/pathinfo.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

/* All signatures of one path. */
#define STORE_SIGS_MAX (64 * KIB)

/* "file:PATH" and QUERY, with whatever has a meaning in a URI escaped in PATH (free()).
 */
char *store_text_uri(const char *path, const char *query);

/* The signatures of INFO, sorted and joined by spaces, as Nix writes them. TEXT has
 * STORE_SIGS_MAX for its maximum. */
int store_text_sigs(struct buf *text, const struct nf_pathinfo *info,
		    struct nf_err *err) MUST_CHECK;

#endif
