/* Importing a bundle through nix-daemon. */
#ifndef DAEMON_IMPORT_H
#define DAEMON_IMPORT_H

#include <nixferry/import.h>

#include "base/progress.h"
#include "store/import_plan.h"

/* PLAN is loaded. RET is filled as far as it went also on failure. */
int daemon_import(struct import_plan *plan, const struct nf_import_options *opts,
		  struct progress *progress, struct nf_import_result *ret,
		  struct nf_err *err) MUST_CHECK;

#endif
