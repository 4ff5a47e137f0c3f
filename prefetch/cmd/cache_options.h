/* The options that commands which ask caches share, and what nix.conf says where they are
 * not given. */
#ifndef CACHE_OPTIONS_H
#define CACHE_OPTIONS_H

#include "cmd/cmd_args.h"
#include "cmd/ui.h"
#include "config/credentials.h"
#include "config/substituter_list.h"
#include "fetch/fetch.h"
#include "input/nix_settings.h"

/* Those of --substituter, else of nix.conf; and those of --extra-substituter. What
 * nix.conf names and is wrong or not supported is left out, and noted in SETTINGS. A URL
 * that comes again replaces the parameters of the first. */
int cache_options_substituters(struct substituter_list *ret, const struct cmd_args *a,
			       struct nix_settings *settings,
			       struct nf_err *err) MUST_CHECK;
/* Those that the command's arguments name. */
int cache_options_named(struct substituter_list *ret, const struct cmd_args *a,
			struct nix_settings *settings, struct nf_err *err) MUST_CHECK;

/* The logins that --netrc-file, or netrc-file of nix.conf, has for these substituters. */
int cache_options_credentials(struct credentials **ret, const struct substituter_list *l,
			      const struct cmd_args *a, struct nix_settings *settings,
			      struct nf_err *err) MUST_CHECK;

/* How transfers are made: --connections, --connections-per-cache, --limit-rate, and what
 * nix.conf says of timeouts, limits, certificates. F borrows from SETTINGS. */
int cache_options_transfers(struct fetch_options *f, const struct cmd_args *a,
			    const struct nix_settings *settings,
			    struct nf_err *err) MUST_CHECK;

/* All that a command which asks caches needs to know of them. */
struct cache_setup {
	struct nix_settings settings;
	struct substituter_list substituters;
	struct credentials *credentials;
	struct nf_keyring *keys;
	char *history; /* file of the caches' history, or NULL */
};

/* From nix.conf and the options, into SETUP and F, which borrows from it; remarks are
 * told. */
int cache_setup_read(struct cache_setup *setup, struct fetch_options *f,
		     const struct cmd_args *args, struct ui *ui,
		     struct nf_err *err) MUST_CHECK;
/* Why no cache is configured, where nix.conf says it; else NULL. */
const char *cache_setup_no_substituter(const struct cache_setup *setup);
void cache_setup_release(struct cache_setup *setup);

#endif
