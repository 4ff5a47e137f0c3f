/* What a store has. */
#ifndef STORE_INVENTORY_H
#define STORE_INVENTORY_H

#include "base/err.h"
#include "format/inventory.h"

/* Lists the valid paths of the store below ROOT that are on the disk, sorted. Rows that
 * Nix could not read, or without a SHA-256 hash, are passed over. Changes nothing. RET is
 * always initialised. */
int store_inventory_read(struct inventory *ret, const char *root,
			 struct nf_err *err) MUST_CHECK;

#endif
