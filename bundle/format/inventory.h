/* Inventories: which paths a store has, with the NAR hashes of their contents. As text,
 * for a file that is taken to where bundles are made; docs/bundle-format.md describes it.
 *
 * An inventory says only what may be left out of a bundle: its content is never taken for
 * the content of a path. */
#ifndef INVENTORY_H
#define INVENTORY_H

#include <nixferry/bundle.h>
#include <nixferry/key.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

struct inventory {
	struct nf_bundle_required *items; /* sorted, except while adding */
	size_t count;
	size_t cap;
};

/* A sorted copy of COUNT paths. */
void inventory_init(struct inventory *inv, const struct nf_bundle_required *paths,
		    size_t count);
void inventory_release(struct inventory *inv);

/* Appends a path; NAR_HASH is SHA-256. Sort before searching. */
void inventory_add(struct inventory *inv, const struct nf_storepath *path,
		   const struct nf_hash *nar_hash);
/* Sorts and removes duplicates. A path with two hashes is removed altogether: it is not
 * known which of them a target has. */
void inventory_sort(struct inventory *inv);

/* The entry of a path, or NULL. */
const struct nf_bundle_required *inventory_find(const struct inventory *inv,
						struct nf_slice base);

/* Adds what is in OTHER to INV; removes what is not in OTHER, with the same hash, from
 * INV. Both must be sorted. */
void inventory_merge(struct inventory *inv, const struct inventory *other);
void inventory_intersect(struct inventory *inv, const struct inventory *other);

/* Whether a text begins like an inventory. */
bool inventory_is_text(struct nf_slice text);

/* Parses a text. *RET_SIGNER is the name of the key of RING that signed it (free()), or
 * NULL. NF_E_TRUST for a wrong signature by a key of RING; NF_E_FORMAT names the line;
 * NF_E_UNSUPPORTED for a later version. */
int inventory_parse(struct inventory *ret, struct nf_slice text,
		    const struct nf_keyring *ring, char **ret_signer,
		    struct nf_err *err) MUST_CHECK;

/* Appends the text of a sorted inventory, signed with KEY unless it is NULL. */
void inventory_format(struct buf *out, const struct inventory *inv,
		      const struct nf_secret_key *key);

#endif
