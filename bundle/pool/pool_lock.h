/* The lock between processes and threads that add entries (shared) and those that remove
 * files or change entries in place (exclusive). */
#ifndef POOL_LOCK_H
#define POOL_LOCK_H

#include "base/err.h"

struct pool;

/* OPERATION: LOCK_SH or LOCK_EX. Waits. *ret_fd holds the lock until it is closed. */
int pool_lock(struct pool *p, int operation, int *ret_fd, struct nf_err *err) MUST_CHECK;

#endif
