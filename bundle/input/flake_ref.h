/* Evaluates "FLAKE#ATTR" with nix, and names of NixOS configurations as nixos-rebuild
 * --flake understands them. */
#ifndef FLAKE_REF_H
#define FLAKE_REF_H

#include <nixferry/storepath.h>

#include "base/buf.h"
#include "base/err.h"

/* Returns the derivation of REF ("nixpkgs#hello"). Where the flake has no such attribute,
 * "FLAKE#NAME" is FLAKE#nixosConfigurations.NAME.config.system.build.toplevel. The nix in
 * PATH evaluates it and writes the derivation to its store. NF_E_USAGE if nix is missing
 * or fails (with its last error line), if the attribute is not a derivation, or if
 * there is no such configuration (with a list of those that there are). */
int flake_ref_derivation(struct nf_storepath *ret, const char *ref,
			 struct nf_err *err) MUST_CHECK;

/* The same for the configuration that has the name of this host. */
int flake_ref_host(struct nf_storepath *ret, const char *flake,
		   struct nf_err *err) MUST_CHECK;

/* Appends the names of the NixOS configurations of FLAKE, one on each line, if nix finds
 * them within two seconds, without a network and without writing a lock file. */
int flake_ref_configurations_soon(struct buf *out, const char *flake,
				  struct nf_err *err) MUST_CHECK;

#endif
