/* The text of a signature, "NAME:BASE64", in the one form that every Nix reads. Nobody
 * signs this text: a cache can add what it likes, and one that cannot be read makes a
 * whole store unreadable for a newer Nix. */
#ifndef SIGNATURE_H
#define SIGNATURE_H

#include <nixferry/slice.h>
#include <stdbool.h>

#include "base/arena.h"

/* A key's name: printable ASCII without spaces and colons. */
bool signature_is_name(struct nf_slice name);

/* The normal form of TEXT: canonical base64 of an Ed25519 signature, or of one of the
 * longer algorithms of newer versions of Nix. What Nix reads leniently (no padding, a
 * space at the end) is normalised; the result is TEXT itself or is in A. Empty if TEXT is
 * no such signature. */
struct nf_slice signature_normal(struct arena *a, struct nf_slice text);

/* Whether SIG, a normal form, is by Ed25519: the only one that belongs into a database.
 */
bool signature_is_ed25519(struct nf_slice sig);

/* Whether Nix can read it, even if it is of no algorithm that is known here. */
bool signature_is_readable(struct nf_slice text);

#endif
