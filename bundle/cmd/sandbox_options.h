/* Entering the sandbox, or not. */
#ifndef SANDBOX_OPTIONS_H
#define SANDBOX_OPTIONS_H

#include "base/sandbox.h"
#include "cmd/cmd_args.h"

struct ui;

/* --no-sandbox */
extern const struct cmd_option_group options_sandbox;

/* Enters S, with a note of what the kernel cannot restrict; with --no-sandbox only warns.
 */
int sandbox_options_enter(const struct sandbox *s, const struct cmd_args *args,
			  struct ui *ui, struct nf_err *err) MUST_CHECK;

#endif
