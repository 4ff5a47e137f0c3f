/* Which system calls a process may still make: a seccomp filter. */
#ifndef SANDBOX_CALLS_H
#define SANDBOX_CALLS_H

#include <stdbool.h>

enum sandbox_sockets {
	SANDBOX_NO_SOCKETS,
	SANDBOX_LOCAL, /* services of this machine */
	SANDBOX_NETWORK,
};

/* Refuses calls that none of our commands makes, with EPERM: to start programs and
 * processes, to change or watch other processes, the kernel, mounts, namespaces and keys,
 * and to use other sockets than SOCKETS says. Calls that are newer than this program do
 * not exist (ENOSYS). Needs no_new_privs. False where the kernel has no filters. */
bool sandbox_calls_enter(enum sandbox_sockets sockets);

#endif
