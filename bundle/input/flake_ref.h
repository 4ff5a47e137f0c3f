/* Evaluates "FLAKE#ATTR" with nix. */
#ifndef FLAKE_REF_H
#define FLAKE_REF_H

#include <nixferry/storepath.h>

#include "base/err.h"

/* Returns the derivation of REF ("nixpkgs#hello", ".#nixosConfigurations.x.config...").
 * The nix in PATH evaluates it and writes the derivation to its store. NF_E_USAGE if nix
 * is missing or fails (with its last error line), or if the attribute is not a
 * derivation. */
int flake_ref_derivation(struct nf_storepath *ret, const char *ref,
			 struct nf_err *err) MUST_CHECK;

#endif
