/* Files in the pool's tmp/. Whoever works on one holds its lock (flock), so that others
 * can tell what a killed process left behind. */
#ifndef POOL_TEMP_H
#define POOL_TEMP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct pool;

struct pool_temp {
	struct pool *pool;
	int fd;	    /* open for reading and writing, locked; -1 when not open */
	char *name; /* in tmp/; NULL once it was renamed */
	bool keep;  /* discard leaves the file: a partial download */
};

#define POOL_TEMP_INIT                                                                   \
	{                                                                                \
		.fd = -1                                                                 \
	}

/* A new file "PID.N.tmp". */
int pool_temp_open(struct pool_temp *t, struct pool *p, struct nf_err *err) MUST_CHECK;

/* Moves it to where it becomes visible. Nothing is synced. */
int pool_temp_publish(struct pool_temp *t, int dir_fd, const char *name,
		      struct nf_err *err) MUST_CHECK;

/* Closes it, and removes it unless it was published or is to be kept. */
void pool_temp_discard(struct pool_temp *t);

/* Takes the lock without waiting: false with errno EWOULDBLOCK if somebody else has it,
 * or if NAME no longer stands for the open file. */
bool pool_temp_lock(struct pool *p, int fd, const char *name);

/* Removes the files "*.tmp" that nobody works on. */
void pool_temp_sweep(struct pool *p);

/* A small file in the pool's directory, replaced: temp, fsync, rename, fsync. */
int pool_temp_replace(struct pool *p, const char *name, const void *bytes, size_t len,
		      struct nf_err *err) MUST_CHECK;

#endif
