/* What doctor checks without a cache. Nothing is created or changed. */
#ifndef DOCTOR_MACHINE_H
#define DOCTOR_MACHINE_H

#include "base/sandbox.h"
#include "cmd/doctor_findings.h"

/* The versions of this program, of the kernel and of Nix. */
void doctor_machine_versions(struct doctor_findings *f);
void doctor_machine_clock(struct doctor_findings *f);
/* The pool in DIR, and the space on its file system. */
void doctor_machine_pool(struct doctor_findings *f, const char *dir);
/* The live store, and nix-daemon where it is needed. */
void doctor_machine_store(struct doctor_findings *f);
void doctor_machine_limits(struct doctor_findings *f);
void doctor_machine_namespaces(struct doctor_findings *f);
/* What the sandbox of this process restricts. */
void doctor_machine_sandbox(struct doctor_findings *f, const struct sandbox_state *state);

#endif
