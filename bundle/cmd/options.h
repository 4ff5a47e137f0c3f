/* Option groups that several commands share, and functions that evaluate them. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <nixferry/bundle.h>
#include <nixferry/key.h>

#include "base/cleanup.h"
#include "cmd/cmd_args.h"
#include "input/installable.h"
#include "input/nix_settings.h"
#include "pool/pool.h"

/* --json --quiet --verbose --no-progress --color --log-format --help: nearly every
 * command. */
extern const struct cmd_option_group options_common;
/* Without --json, for commands that only print text. */
extern const struct cmd_option_group options_common_text;
/* --no-check-sigs --trusted-public-key */
extern const struct cmd_option_group options_trust;
/* --trusted-public-key */
extern const struct cmd_option_group options_keys;
/* --pool */
extern const struct cmd_option_group options_pool;
/* --store, for commands that look at a store. */
extern const struct cmd_option_group options_store;
/* --jobs */
extern const struct cmd_option_group options_jobs;
/* --sign-key --sign-all --series --serial --expires --compress */
extern const struct cmd_option_group options_pack;
/* The help text of commands that take installables. */
#define OPTIONS_INSTALLABLE_TEXT                                                         \
	"INSTALLABLE is a store path, a path below one, HASH-NAME alone, a symbolic "    \
	"link to one such as ./result, an attribute of a flake (FLAKE#ATTR, which nix "  \
	"evaluates), a NixOS configuration (FLAKE#NAME as for nixos-rebuild --flake; . " \
	"is that of this host), a derivation (DRV, DRV!out,dev), or - for a list on "    \
	"standard input."
/* --from-file */
extern const struct cmd_option_group options_from_file;
/* --substituter --extra-substituter --connections --connections-per-cache --limit-rate
 * --netrc-file */
extern const struct cmd_option_group options_caches;
/* The same without --substituter and --extra-substituter. */
extern const struct cmd_option_group options_connections;

DEFINE_CLEANUP(struct nf_keyring *, nf_keyring_free)
DEFINE_CLEANUP(struct nf_secret_key *, nf_secret_key_free)

/* The keys that nix.conf trusts and those of --trusted-public-key. */
int options_keyring(struct nf_keyring **ret, const struct cmd_args *a,
		    struct nix_settings *settings, struct nf_err *err) MUST_CHECK;

/* Whether --no-check-sigs is given; then warns that WHO can install anything. */
bool options_no_check_sigs(const struct cmd_args *a, struct ui *ui, const char *who);

/* Shows the remarks that reading and evaluating the settings produced. */
void options_tell_notes(const struct nix_settings *s, struct ui *ui);

/* Opens the pool of --pool, or the default one; options_pool_dir returns its directory
 * (free()). */
int options_pool_dir(char **ret, const struct cmd_args *a, struct nf_err *err) MUST_CHECK;
int options_open_pool(struct pool **ret, const struct cmd_args *a,
		      struct nf_err *err) MUST_CHECK;
/* The same for a command that only reads: creates nothing. */
int options_open_pool_read(struct pool **ret, const struct cmd_args *a,
			   struct nf_err *err) MUST_CHECK;

/* --jobs; 0: one per processor. */
int options_job_count(size_t *ret, const struct cmd_args *a,
		      struct nf_err *err) MUST_CHECK;

/* --sign-key, which is required. */
int options_sign_key(struct nf_secret_key **ret, const struct cmd_args *a,
		     struct nf_err *err) MUST_CHECK;

/* --compress: a zstd level, or POOL_KEEP. */
int options_level(int *ret, const struct cmd_args *a, struct nf_err *err) MUST_CHECK;

/* --series --serial --expires; borrowed from A. */
int options_terms(struct nf_bundle_terms *ret, const struct cmd_args *a,
		  struct nf_err *err) MUST_CHECK;

/* The installables of the arguments and --from-file, sorted and without duplicates.
 * NF_E_USAGE if there are none. */
int options_installables(struct installables *ret, const struct cmd_args *a,
			 struct nf_err *err) MUST_CHECK;

#endif
