/* Text for opening the store's database, and text in its columns. */
#ifndef STORE_TEXT_H
#define STORE_TEXT_H

#include <nixferry/pathinfo.h>

#include "base/buf.h"

/* "file:PATH" and QUERY, with characters of PATH escaped that have a meaning in a URI
 * (free()). */
char *store_text_uri(const char *path, const char *query);

/* Computes the new column of signatures, sorted and joined by spaces as Nix writes it:
 * those in COLUMN that Nix can read, all of INFO that are by trusted keys, and others up
 * to a limit. Only Ed25519 signatures are added, because older versions of Nix know
 * nothing else. Returns the number added. TEXT may be of any size. */
size_t store_text_sigs(struct buf *text, struct nf_slice column,
		       const struct nf_pathinfo *info);

#endif
