/* Profile generations of a target store. */
#ifndef STORE_PROFILE_H
#define STORE_PROFILE_H

#include <nixferry/storepath.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/progress.h"
#include "store/target.h"

/* Makes a new generation of profiles/NAME ("NAME-N-link", and the link NAME to it,
 * replaced atomically), as nix-env --set does, holding Nix's lock of the profile. If the
 * current generation is that path already, it stays; if the last one is, it becomes the
 * current one. *ret_link is "/nix/var/nix/profiles/NAME-N-link" (free()). */
int store_profile_set(const struct target *t, const char *name,
		      const struct nf_storepath *path, char **ret_link,
		      struct progress *progress, struct nf_err *err) MUST_CHECK;

/* Whether a profile can be called NAME: characters allowed in store path names, not
 * "per-user", which is a directory, and not "X-N-link", which is a generation of X. */
bool store_profile_is_name(const char *name);

#endif
