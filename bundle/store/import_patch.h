/* NARs of a bundle that are patches: made from paths of a store. */
#ifndef IMPORT_PATCH_H
#define IMPORT_PATCH_H

#include <nixferry/stream.h>

#include "store/import_plan.h"

/* The bytes of a path's NAR, not verified yet, from those of its member (taken over). The
 * bases of a patch are below STORE_FD, a nix/store that stays open. An error with a base
 * names it. */
struct nf_source *import_patch_decode(const struct import_plan *plan,
				      const struct import_path *path, int store_fd,
				      struct nf_source *member);

/* Whether the NAR of a path is a patch. */
bool import_patch_is(const struct import_plan *plan, const struct import_path *path);

/* Adds to ERR, the failure RC of such a path, what its owner can do. Returns RC. */
int import_patch_explain(const struct import_plan *plan, const struct import_path *path,
			 int rc, struct nf_err *err) MUST_CHECK;

#endif
