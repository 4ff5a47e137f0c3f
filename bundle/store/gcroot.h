/* GC roots, which keep imported paths alive. */
#ifndef GCROOT_H
#define GCROOT_H

#include <nixferry/storepath.h>

#include "base/err.h"
#include "store/target.h"

/* A direct root: gcroots/nixferry/BASENAME -> /nix/store/BASENAME. */
int gcroot_add(const struct target *t, const struct nf_storepath *path,
	       struct nf_err *err) MUST_CHECK;

#endif
