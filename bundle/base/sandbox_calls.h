/* Which system calls a process may still make: a seccomp filter. */
#ifndef SANDBOX_CALLS_H
#define SANDBOX_CALLS_H

#include <stdbool.h>

/* Refuses calls that none of our commands makes, with EPERM: to start programs and
 * processes, to change or watch other processes, the kernel, mounts, namespaces and keys,
 * and, unless NETWORK, to use sockets. Calls that are newer than this program do not
 * exist (ENOSYS). Needs no_new_privs. False where the kernel has no filters. */
bool sandbox_calls_enter(bool network);

#endif
