/* Options for the store that paths may come from. */
#ifndef STORE_OPTIONS_H
#define STORE_OPTIONS_H

#include "base/sandbox.h"
#include "cmd/cmd_args.h"
#include "cmd/ui.h"
#include "store/local_store.h"

/* --from-store --no-local-store */
extern const struct cmd_option_group options_stores;

/* Opens the store of --from-store, or the live one if it can be read. *RET is NULL if
 * there is none, or with --no-local-store. */
int store_options_open(struct local_store **ret, const struct cmd_args *a, struct ui *ui,
		       struct nf_err *err) MUST_CHECK;

/* Grants reading the store below ROOT. */
void store_options_grant(struct sandbox *s, const char *root);

#endif
