/* The .drv files of a store. */
#ifndef DRV_FILE_H
#define DRV_FILE_H

#include <nixferry/derivation.h>
#include <nixferry/storepath.h>

#include "base/err.h"

/* Reads DRV in STORE_FD, the directory of a store (borrowed). NF_E_MISSING if there is
 * none, NF_E_FORMAT if it is no regular file. RET is initialised in any case. */
int drv_file_read(int store_fd, const struct nf_storepath *drv, struct nf_derivation *ret,
		  struct nf_err *err) MUST_CHECK;

/* Whether NAME in DIR_FD is a derivation: errors as of drv_file_read. */
int drv_file_check(int dir_fd, const char *name, struct nf_err *err) MUST_CHECK;

#endif
