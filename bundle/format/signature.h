/* The text of a signature, "NAME:BASE64", in the one form that every version of Nix
 * reads. This text is not signed itself: a cache can add anything, and a signature that a
 * newer Nix cannot read makes a whole store unreadable for it. */
#ifndef SIGNATURE_H
#define SIGNATURE_H

#include <nixferry/slice.h>
#include <stdbool.h>

#include "base/arena.h"

/* A key's name: printable ASCII without spaces and colons. */
bool signature_is_name(struct nf_slice name);
/* The name in front of a signature's colon, whatever it is. */
struct nf_slice signature_signer(struct nf_slice sig);

/* The normal form of TEXT: canonical base64 of an Ed25519 signature, or of one of the
 * longer algorithms of newer versions of Nix. Lenient forms that Nix accepts (no padding,
 * a space at the end) are normalised; the result is TEXT itself or in A. Empty if TEXT is
 * not such a signature. */
struct nf_slice signature_normal(struct arena *a, struct nf_slice text);

/* Whether SIG, a normal form, is by Ed25519: the only kind that may be stored in a
 * database. */
bool signature_is_ed25519(struct nf_slice sig);

/* Whether Nix can read it, even if its algorithm is unknown here. */
bool signature_is_readable(struct nf_slice text);

#endif
