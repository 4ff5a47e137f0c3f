/* What every place that takes a NAR asks of it, so that none takes what a later one
 * refuses. */
#ifndef DRV_NAR_H
#define DRV_NAR_H

#include <nixferry/storepath.h>
#include <nixferry/stream.h>
#include <stdint.h>

#include "base/err.h"

/* As nf_nar_check, of the NAR of PATH: that of a .drv must also be one regular file with
 * a derivation in it, as Nix reads it. */
int drv_nar_check(const struct nf_storepath *path, struct nf_source *nar,
		  uint64_t *ret_inodes, struct nf_err *err) MUST_CHECK;

#endif
