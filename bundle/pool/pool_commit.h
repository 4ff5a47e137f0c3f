/* Makes finished files durable and visible in the background: a thread commits everything
 * that has arrived since its last round as one group, so that many small NARs share the
 * disk's latency. For each group: sync the files, rename the NARs, sync their directory,
 * rename the narinfos, sync their directory. So no process, after any crash, ever sees a
 * narinfo whose NAR is incomplete. */
#ifndef POOL_COMMIT_H
#define POOL_COMMIT_H

#include <nixferry/storepath.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "pool/pool.h"
#include "pool/pool_temp.h"

/* Maximum number of waiting temporary files; beyond it, threads that ingest wait. */
#define POOL_COMMIT_MAX	      64
#define POOL_COMMIT_BYTES_MAX (512 * MIB)

struct pool_pending {
	struct pool_pending *next;
	struct nf_storepath path;
	struct pool_temp nar;
	struct pool_temp info;
	char *nar_name; /* in nar/ */
	struct pool_partial
		partial; /* removed once the entry exists; fd is -1 if there is none */
	uint64_t size;
	bool failed;
};

struct pool_commit {
	struct pool *pool;
	pthread_mutex_t lock;
	pthread_cond_t wake; /* wakes the thread: work, or the end */
	pthread_cond_t done; /* wakes the others: a group is finished */
	pthread_t thread;
	bool started;
	bool stop;
	struct pool_pending *queue; /* oldest first */
	struct pool_pending **tail;
	size_t count;	/* number of entries queued or being committed */
	uint64_t bytes; /* of these */
	int rc;		/* first failure since the last flush */
	struct nf_err err;
};

void pool_commit_init(struct pool_commit *c, struct pool *p);
/* Commits what is queued and ends the thread. */
void pool_commit_release(struct pool_commit *c);

struct pool_pending *pool_pending_new(const struct nf_storepath *path);
/* Removes files that were not published. */
void pool_pending_free(struct pool_pending *e);
DEFINE_CLEANUP(struct pool_pending *, pool_pending_free)

/* Queues E, which it takes over if it returns 0. */
int pool_commit_push(struct pool_commit *c, struct pool_pending *e,
		     struct nf_err *err) MUST_CHECK;

int pool_commit_flush(struct pool_commit *c, struct nf_err *err) MUST_CHECK;

#endif
