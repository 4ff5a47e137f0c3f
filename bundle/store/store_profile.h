/* Profile generations of a target store. */
#ifndef STORE_PROFILE_H
#define STORE_PROFILE_H

#include <nixferry/storepath.h>
#include <stdbool.h>

#include "base/err.h"
#include "store/target.h"

/* A new generation of profiles/NAME ("NAME-N-link" and the link NAME to it, swapped
 * atomically), as nix-env --set makes it. The current generation stays if it is that path
 * already, and the last one is taken if it is. *ret_link is
 * "/nix/var/nix/profiles/NAME-N-link" (free()). */
int store_profile_set(const struct target *t, const char *name,
		      const struct nf_storepath *path, char **ret_link,
		      struct nf_err *err) MUST_CHECK;

/* Whether NAME can be a profile's: characters of store paths' names, neither "per-user",
 * which is a directory, nor "X-N-link", which is a generation of X. */
bool store_profile_is_name(const char *name);

#endif
