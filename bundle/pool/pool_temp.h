/* Files in the pool's tmp/. A process holds the lock (flock) of each file that it uses,
 * so that others recognise what a killed process left. */
#ifndef POOL_TEMP_H
#define POOL_TEMP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct pool;

struct pool_temp {
	struct pool *pool;
	int fd;	    /* open for reading and writing, locked; -1 when not open */
	char *name; /* in tmp/; NULL after the rename */
	bool keep;  /* discard keeps the file: a partial download */
};

#define POOL_TEMP_INIT                                                                   \
	{                                                                                \
		.fd = -1                                                                 \
	}

/* Creates a file "PID.N.tmp". */
int pool_temp_open(struct pool_temp *t, struct pool *p, struct nf_err *err) MUST_CHECK;

/* Renames it into place without syncing. */
int pool_temp_publish(struct pool_temp *t, int dir_fd, const char *name,
		      struct nf_err *err) MUST_CHECK;

/* Closes it, and removes it unless it was published or is to be kept. */
void pool_temp_discard(struct pool_temp *t);

/* Removes the unlocked files "*.tmp". */
void pool_temp_sweep(struct pool *p);

/* Replaces a small file in the pool's directory: temporary file, fsync, rename, fsync. */
int pool_temp_replace(struct pool *p, const char *name, const void *bytes, size_t len,
		      struct nf_err *err) MUST_CHECK;

#endif
