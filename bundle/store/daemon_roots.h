/* What keeps alive what came through nix-daemon. */
#ifndef DAEMON_ROOTS_H
#define DAEMON_ROOTS_H

#include <nixferry/import.h>

#include "base/sandbox.h"
#include "store/daemon_conn.h"
#include "store/intake.h"

/* Makes the directory of links and grants what daemon_roots_add needs. */
void daemon_roots_grant(struct sandbox *s);

/* Sets the profile, where this process may write to Nix's profiles; otherwise, and
 * without one, makes GC roots: links in $XDG_STATE_HOME/nixferry/gcroots (or
 * .local/state/nixferry/gcroots of home_dir()) that the daemon is told of. RET says what
 * was made, and which command sets a profile that was not. */
int daemon_roots_add(struct daemon_conn *c, const struct intake_roots *roots,
		     struct nf_import_result *ret, struct progress *progress,
		     struct nf_err *err) MUST_CHECK;

#endif
