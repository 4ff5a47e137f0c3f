/* The signatures of a path as a bundle carries them. */
#ifndef PACK_SIGS_H
#define PACK_SIGS_H

#include <nixferry/key.h>
#include <nixferry/pathinfo.h>

#include "base/err.h"

/* Adds a signature by KEY. */
void pack_sigs_sign(struct nf_pathinfo *info, const struct nf_secret_key *key);

/* The importer keeps a limited number; this decides which: first the bundle's own, which
 * was added last, then those by keys of RING. Returns how many were left out. */
size_t pack_sigs_limit(struct nf_pathinfo *info, const struct nf_keyring *ring);

/* Makes their order independent of their arrival. */
void pack_sigs_sort(struct nf_pathinfo *info);

/* NF_E_TRUST if an importer that needs as many signatures as RING would not find them;
 * nothing is checked if that is one. */
int pack_sigs_check(struct nf_pathinfo *info, const struct nf_keyring *ring,
		    struct nf_err *err) MUST_CHECK;

#endif
