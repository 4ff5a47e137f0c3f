/* Options of all commands that query caches, with defaults from nix.conf. */
#ifndef CACHE_OPTIONS_H
#define CACHE_OPTIONS_H

#include "cmd/cmd_args.h"
#include "cmd/ui.h"
#include "config/credentials.h"
#include "config/substituter_list.h"
#include "fetch/fetch.h"
#include "input/nix_settings.h"
#include "input/target_conf.h"

/* The substituters of --substituter, or else of nix.conf, and those of
 * --extra-substituter. Invalid or unsupported ones in nix.conf are skipped with a remark
 * in SETTINGS. For a repeated URL, the last parameters count. */
int cache_options_substituters(struct substituter_list *ret, const struct cmd_args *a,
			       struct nix_settings *settings,
			       struct nf_err *err) MUST_CHECK;
/* The substituters that the command's arguments name. */
int cache_options_named(struct substituter_list *ret, const struct cmd_args *a,
			struct nix_settings *settings, struct nf_err *err) MUST_CHECK;

/* The logins for these substituters, from --netrc-file or the netrc-file of nix.conf. */
int cache_options_credentials(struct credentials **ret, const struct substituter_list *l,
			      const struct cmd_args *a, struct nix_settings *settings,
			      struct nf_err *err) MUST_CHECK;

/* How to transfer: --connections, --connections-per-cache, --limit-rate, and nix.conf's
 * timeouts, limits and certificates. F borrows from SETTINGS. */
int cache_options_transfers(struct fetch_options *f, const struct cmd_args *a,
			    const struct nix_settings *settings,
			    struct nf_err *err) MUST_CHECK;

/* Everything that a command which queries caches needs to know about them. */
struct cache_setup {
	struct nix_settings settings;
	struct substituter_list substituters;
	struct credentials *credentials;
	struct nf_keyring *keys;
	char *history; /* file with the history of the caches, or NULL */
};

/* Reads nix.conf and the options into SETUP and F, which borrows from it. Shows the
 * remarks. */
int cache_setup_read(struct cache_setup *setup, struct fetch_options *f,
		     const struct cmd_args *args, struct ui *ui,
		     struct nf_err *err) MUST_CHECK;
/* Why no cache is configured, if nix.conf is the reason; else NULL. */
const char *cache_setup_no_substituter(const struct cache_setup *setup);
/* Adds the caches, keys and features of this setup, for another machine. */
void cache_setup_describe(const struct cache_setup *setup, struct target_conf *c);
void cache_setup_release(struct cache_setup *setup);

#endif
