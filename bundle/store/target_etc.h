/* The nix.conf of a target: ROOT/etc/nix/nix.conf. */
#ifndef TARGET_ETC_H
#define TARGET_ETC_H

#include <nixferry/slice.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/sandbox.h"

/* Opens ROOT/etc/nix, and makes it (0755) where it is missing; below ROOT, no symbolic
 * link is followed. The caller closes *ret. */
int target_etc_open(int *ret, const char *root, struct nf_err *err) MUST_CHECK;

/* Grants what target_etc_write needs. */
void target_etc_grant(struct sandbox *s, int dir_fd);

/* Writes nix.conf (0644), which appears complete or not at all. Whatever has that name
 * already stays as it is: then *RET_EXISTS is true. */
int target_etc_write(int dir_fd, struct nf_slice text, bool *ret_exists,
		     struct nf_err *err) MUST_CHECK;

#endif
