/* Values that a shell offers for a word which the user has begun to type. They come from
 * files of this machine: no network is used. */
#ifndef CANDIDATES_H
#define CANDIDATES_H

#include "base/buf.h"

#define CANDIDATES_CACHES      "caches"
#define CANDIDATES_FLAKE_NAMES "flake-names"
#define CANDIDATES_STORE_PATHS "store-paths"
#define CANDIDATES_KINDS                                                                 \
	CANDIDATES_CACHES " " CANDIDATES_FLAKE_NAMES " " CANDIDATES_STORE_PATHS

/* Appends the values of KIND that begin with WORD, one on each line:
 *
 *	caches       the substituters of nix.conf
 *	flake-names  for "DIR#", NixOS configurations of the flake in DIR, which begins
 *	             with '.' or '/'; none if nix takes longer than a moment
 *	store-paths  of the live store
 *
 * A value that a shell would have to quote is left out, and so is what cannot be read.
 * False if there is no such KIND. */
bool candidates_add(struct buf *out, const char *kind, const char *word);

#endif
