/* The .drv files of a store. */
#ifndef DRV_FILE_H
#define DRV_FILE_H

#include <nixferry/derivation.h>
#include <nixferry/storepath.h>

#include "base/err.h"

/* Reads DRV from STORE_FD (borrowed), the directory of a store. NF_E_MISSING if it does
 * not exist, NF_E_FORMAT if it is not a regular file. RET is always initialised. */
int drv_file_read(int store_fd, const struct nf_storepath *drv, struct nf_derivation *ret,
		  struct nf_err *err) MUST_CHECK;

/* Checks that NAME in DIR_FD is a derivation; fails as drv_file_read does. */
int drv_file_check(int dir_fd, const char *name, struct nf_err *err) MUST_CHECK;

#endif
