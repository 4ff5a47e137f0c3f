/* Which files a process may still open: Landlock. */
#ifndef SANDBOX_FILES_H
#define SANDBOX_FILES_H

#include <stdbool.h>

#include "base/sandbox.h"

/* A new set of rules, or -1 where the kernel has none that serve us. */
int sandbox_files_new(void);
/* For sandbox_grant. False, with errno, where the system failed; what cannot be looked up
 * is passed over. */
bool sandbox_files_grant(int rules_fd, const char *path, enum sandbox_use use);
/* Needs no_new_privs. False where the kernel refuses. */
bool sandbox_files_enter(int rules_fd);

#endif
