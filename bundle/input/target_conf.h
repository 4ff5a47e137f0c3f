/* The caches, keys and features of a run, as the nix.conf of a target or as a NixOS
 * module. What is written holds no login: neither of a URL nor of a netrc file. */
#ifndef TARGET_CONF_H
#define TARGET_CONF_H

#include <nixferry/key.h>
#include <stdbool.h>

#include "base/buf.h"
#include "input/nix_settings.h"

/* Each is a list of words, separated by spaces, without duplicates. */
struct target_conf {
	struct buf substituters;
	struct buf keys;
	struct buf features;
};

void target_conf_init(struct target_conf *c);
void target_conf_release(struct target_conf *c);

/* Adds a cache that another machine can reach (http, https or s3), without a login, a
 * fragment, and parameters other than those that say where it is and when to ask it.
 * False for any other: it is left out. */
bool target_conf_add_substituter(struct target_conf *c, struct nf_slice url);
void target_conf_add_keys(struct target_conf *c, const struct nf_keyring *ring);
void target_conf_add_feature(struct target_conf *c, const char *name);
/* The experimental features that nix.conf enables. */
void target_conf_add_features(struct target_conf *c, const struct nix_settings *s);

/* Appends the text of a nix.conf. Where a list is empty, Nix's default counts. */
void target_conf_format(struct buf *out, const struct target_conf *c);
/* Appends a NixOS module with the same settings. */
void target_conf_format_module(struct buf *out, const struct target_conf *c);

/* Enough for either text. */
#define TARGET_CONF_TEXT_MAX (4 * MIB)

#endif
