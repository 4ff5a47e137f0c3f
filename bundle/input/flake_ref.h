/* "FLAKE#ATTR": what nix makes of it. */
#ifndef FLAKE_REF_H
#define FLAKE_REF_H

#include <nixferry/storepath.h>

#include "base/err.h"

/* The derivation of REF ("nixpkgs#hello", ".#nixosConfigurations.x.config..."), which the
 * nix on PATH evaluates; it leaves the derivation in its store. NF_E_USAGE where there is
 * no nix, it fails (the error has its last line), or the attribute is not a derivation.
 */
int flake_ref_derivation(struct nf_storepath *ret, const char *ref,
			 struct nf_err *err) MUST_CHECK;

#endif
