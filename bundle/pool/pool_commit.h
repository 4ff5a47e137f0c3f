/* Makes finished files durable and visible, behind the back of those who made them: a
 * thread takes what has come since it looked last as one group, so that many small NARs
 * share the disk's latency. Per group: the files reach the disk, NARs are renamed, their
 * directory reaches the disk, narinfos are renamed, their directory reaches the disk. So
 * no narinfo is ever seen, by whomever and after whatever crash, whose NAR is not whole.
 */
#ifndef POOL_COMMIT_H
#define POOL_COMMIT_H

#include <nixferry/storepath.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "pool/pool.h"
#include "pool/pool_temp.h"

/* Temporary files that wait, at most: beyond it those who ingest wait for the disk. */
#define POOL_COMMIT_MAX	      64
#define POOL_COMMIT_BYTES_MAX (512 * MIB)

struct pool_pending {
	struct pool_pending *next;
	struct nf_storepath path;
	struct pool_temp nar;
	struct pool_temp info;
	char *nar_name;		     /* in nar/ */
	struct pool_partial partial; /* removed once the entry is there; fd -1: none */
	uint64_t size;
	bool failed;
};

struct pool_commit {
	struct pool *pool;
	pthread_mutex_t lock;
	pthread_cond_t wake; /* for the thread: work, or the end */
	pthread_cond_t done; /* for the others: a group is done */
	pthread_t thread;
	bool started;
	bool stop;
	struct pool_pending *queue; /* oldest first */
	struct pool_pending **tail;
	size_t count;	/* queued or being committed */
	uint64_t bytes; /* of these */
	int rc;		/* of the first failure since the last flush */
	struct nf_err err;
};

void pool_commit_init(struct pool_commit *c, struct pool *p);
/* Commits what is queued, ends the thread. */
void pool_commit_release(struct pool_commit *c);

struct pool_pending *pool_pending_new(const struct nf_storepath *path);
/* Drops files that were not published. */
void pool_pending_free(struct pool_pending *e);
DEFINE_CLEANUP(struct pool_pending *, pool_pending_free)

/* Queues E, which is taken over if 0 is returned. */
int pool_commit_push(struct pool_commit *c, struct pool_pending *e,
		     struct nf_err *err) MUST_CHECK;

int pool_commit_flush(struct pool_commit *c, struct nf_err *err) MUST_CHECK;

#endif
