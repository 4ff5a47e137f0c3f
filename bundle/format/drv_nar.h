/* The check that every consumer of a NAR makes, so that none accepts what a later one
 * refuses. */
#ifndef DRV_NAR_H
#define DRV_NAR_H

#include <nixferry/storepath.h>
#include <nixferry/stream.h>
#include <stdint.h>

#include "base/err.h"

/* As nf_nar_check, for the NAR of PATH: that of a .drv must also be one regular file that
 * contains a derivation Nix can read. */
int drv_nar_check(const struct nf_storepath *path, struct nf_source *nar,
		  uint64_t *ret_inodes, struct nf_err *err) MUST_CHECK;

#endif
