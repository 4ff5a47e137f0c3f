/* Options for the target store that paths are imported into. */
#ifndef TARGET_OPTIONS_H
#define TARGET_OPTIONS_H

#include <stdbool.h>

#include "base/sandbox.h"
#include "cmd/cmd_args.h"
#include "input/nix_settings.h"

/* --store --profile --gc-root --repair --optimise */
extern const struct cmd_option_group options_target_store;

struct target_options {
	const char *root;    /* NULL if not given */
	const char *profile; /* or NULL */
	const char *gc_root; /* or NULL */
	bool repair;
	bool optimise; /* as the option says */
};

/* The root must be a directory. A profile or a GC root needs a root, and the two exclude
 * each other. */
int target_options_read(struct target_options *ret, const struct cmd_args *args,
			struct nf_err *err) MUST_CHECK;

/* Whether files are to be shared: as the option says, or nix.conf for the live store. */
bool target_options_optimise(const struct target_options *t,
			     const struct nix_settings *settings);

/* See store_mount_make_writable. */
int target_options_make_writable(const struct target_options *t,
				 struct nf_err *err) MUST_CHECK;

/* Grants what importing into the store below ROOT needs. */
void target_options_grant(struct sandbox *s, const char *root);

#endif
