/* The lock between those who add entries (shared) and those who remove files or change
 * entries in place (exclusive), of all processes and threads. */
#ifndef POOL_LOCK_H
#define POOL_LOCK_H

#include "base/err.h"

struct pool;

/* OPERATION: LOCK_SH or LOCK_EX. Waits. *ret_fd holds the lock until it is closed. */
int pool_lock(struct pool *p, int operation, int *ret_fd, struct nf_err *err) MUST_CHECK;

#endif
