/* Texts that the store's database is opened with and holds. */
#ifndef STORE_TEXT_H
#define STORE_TEXT_H

#include <nixferry/pathinfo.h>

#include "base/buf.h"

/* "file:PATH" and QUERY, with whatever has a meaning in a URI escaped in PATH (free()).
 */
char *store_text_uri(const char *path, const char *query);

/* What the column of signatures becomes, sorted and joined by spaces as Nix writes them:
 * what COLUMN has already and Nix can read, all of INFO that are by trusted keys, and
 * others while there are not too many. Only Ed25519 is added: older versions of Nix know
 * nothing else. Returns how many are added. TEXT may be of any size. */
size_t store_text_sigs(struct buf *text, struct nf_slice column,
		       const struct nf_pathinfo *info);

#endif
