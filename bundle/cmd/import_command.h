/* The command import, as both programs have it. One of them can also fetch what a bundle
 * requires. */
#ifndef IMPORT_COMMAND_H
#define IMPORT_COMMAND_H

#include <nixferry/bundle.h>

#include "base/sandbox.h"
#include "cmd/cmd_args.h"
#include "cmd/nix_conf_options.h"
#include "cmd/options.h"
#include "cmd/sandbox_options.h"
#include "cmd/target_options.h"
#include "cmd/ui.h"

/* Brings what the bundle requires into the target before the import looks for it. */
struct import_command_rest {
	/* Opens what it needs of other files, and grants it. */
	int (*prepare)(void *ctx, const struct target_options *target, struct sandbox *s,
		       struct nf_err *err);
	/* The bundle's signature is good; KEYS are trusted for paths. */
	int (*fetch)(void *ctx, const struct nf_bundle *b, const struct nf_keyring *keys,
		     struct nf_err *err);
	void *ctx;
};

/* REST may be NULL. */
int import_command_run(const struct cmd_args *args, struct ui *ui,
		       const struct import_command_rest *rest,
		       struct nf_err *err) MUST_CHECK;

extern const struct cmd_option_group import_command_series;

#define IMPORT_COMMAND_GROUPS                                                            \
	&options_target_store, &import_command_series, &options_nix_conf,                \
		&options_trust, &options_jobs, &options_sandbox, &options_common

#define IMPORT_COMMAND_TEXT                                                              \
	"Verifies BUNDLE, unpacks it into the store below ROOT and "                     \
	"registers its paths there. With '-', reads the bundle from "                    \
	"standard input and imports it as it arrives.\n"                                 \
	"\n"                                                                             \
	"Nothing is written unless a trusted key signed the bundle, each "               \
	"path is signed by a trusted key or content-addressed, and every "               \
	"reference is in the bundle or in the target store. Every byte is "              \
	"verified before it is used. After an interruption the target store "            \
	"is valid, and the same command continues.\n"                                    \
	"\n"                                                                             \
	"With --repair, what is valid in the target store and missing, or has "          \
	"other contents or metadata, or a text in the database that Nix cannot "         \
	"read, is unpacked and verified beside it, then exchanged. A damaged "           \
	"path that is not in the bundle is named, with status 5 or, if it is "           \
	"only missing, 3.\n"                                                             \
	"\n"                                                                             \
	"With --optimise, a file with the same contents as one in the target "           \
	"store becomes a hard link to it, through ROOT/nix/store/.links, as "            \
	"'nix-store --optimise' does it. An existing link is used only if its "          \
	"contents and metadata are right; a damaged one is replaced, and named.\n"       \
	"\n"                                                                             \
	"ROOT is the root of a system that is being installed, of an image, "            \
	"or, as root, of the running system ('/'). Nix, its garbage collector "          \
	"and other imports may use the target store during the import. The "             \
	"running system does not change: the import ends by printing the "               \
	"command that switches to the imported one.\n"                                   \
	"\n"                                                                             \
	"With --store daemon, nix-daemon takes the paths into its store. It "            \
	"checks signatures by its own trusted-public-keys as well. That is "             \
	"how a user who is not root imports into the running system; "                   \
	"--store / then means the same.\n"                                               \
	"\n"                                                                             \
	"--write-nix-conf takes caches and features from this machine's nix.conf "       \
	"and adds the keys that were trusted, without any password. On NixOS "           \
	"the configuration makes nix.conf: import what --print-nix-module "              \
	"prints there. Example:\n"                                                       \
	"\n"                                                                             \
	"  nixferry import system.nixferry --store /mnt --profile system \\\n"           \
	"      --trusted-public-key example-1:BASE64"

#endif
