#include "pool/pool_commit.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "pool/pool_lock.h"
#include "pool/pool_private.h"

struct pool_pending *pool_pending_new(const struct nf_storepath *path)
{
	struct pool_pending *e = mem_calloc(1, sizeof(*e));

	e->path = *path;
	e->nar.fd = e->info.fd = e->partial.fd = -1;
	return e;
}

void pool_pending_free(struct pool_pending *e)
{
	if (!e)
		return;
	pool_temp_discard(&e->nar);
	pool_temp_discard(&e->info);
	free(e->nar_name);
	free(e);
}

void pool_commit_init(struct pool_commit *c, struct pool *p)
{
	*c = (struct pool_commit){ .pool = p };
	c->tail = &c->queue;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->wake, NULL);
	pthread_cond_init(&c->done, NULL);
}

/* ---- one group ---- */

static void remember(struct pool_commit *c, int rc, const struct nf_err *err)
{
	pthread_mutex_lock(&c->lock);
	if (!c->rc) {
		c->rc = rc;
		c->err = *err;
	}
	pthread_mutex_unlock(&c->lock);
}

static void fail_entry(struct pool_commit *c, struct pool_pending *e, int rc,
		       struct nf_err *err)
{
	e->failed = true;
	remember(c, err_prefix(err, rc, "pool entry '%s'", e->path.base), err);
}

static void fail_all(struct pool_commit *c, struct pool_pending *group, int rc,
		     struct nf_err *err)
{
	for (struct pool_pending *e = group; e; e = e->next)
		e->failed = true;
	remember(c, rc, err);
}

static void sync_files(struct pool_commit *c, struct pool_pending *group)
{
	struct nf_err err;

	/* Start all of them before waiting for the first. */
	for (struct pool_pending *e = group; e; e = e->next) {
		sync_file_range(e->nar.fd, 0, 0, SYNC_FILE_RANGE_WRITE);
		sync_file_range(e->info.fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	}
	for (struct pool_pending *e = group; e; e = e->next) {
		int rc = file_sync(e->nar.fd, e->nar.name, &err);

		if (!rc)
			rc = file_sync(e->info.fd, e->info.name, &err);
		if (rc)
			fail_entry(c, e, rc, &err);
	}
}

static void publish_nars(struct pool_commit *c, struct pool_pending *group)
{
	struct nf_err err;
	int rc;

	for (struct pool_pending *e = group; e; e = e->next) {
		if (e->failed)
			continue;
		rc = pool_temp_publish(&e->nar, c->pool->nar_fd, e->nar_name, &err);
		if (rc)
			fail_entry(c, e, rc, &err);
	}
	rc = file_sync(c->pool->nar_fd, "nar", &err);
	if (rc)
		fail_all(c, group, rc, &err);
}

static void publish_infos(struct pool_commit *c, struct pool_pending *group)
{
	char name[POOL_INFO_NAME_MAX];
	struct nf_err err;
	int rc;

	for (struct pool_pending *e = group; e; e = e->next) {
		if (e->failed)
			continue;
		pool_info_name(name, nf_storepath_hash(&e->path));
		rc = pool_temp_publish(&e->info, c->pool->root_fd, name, &err);
		if (rc)
			fail_entry(c, e, rc, &err);
	}
	rc = file_sync(c->pool->root_fd, c->pool->dir, &err);
	if (rc)
		fail_all(c, group, rc, &err);
}

static void commit_group(struct pool_commit *c, struct pool_pending *group)
{
	AUTO_FD int lock = -1;
	struct nf_err err;
	int rc;

	sync_files(c, group);
	rc = pool_lock(c->pool, LOCK_SH, &lock, &err);
	if (rc) {
		fail_all(c, group, rc, &err);
		return;
	}
	publish_nars(c, group);
	publish_infos(c, group);
}

/* Keep the download if its entry was not created. */
static void free_group(struct pool_commit *c, struct pool_pending *group)
{
	while (group) {
		struct pool_pending *e = group;

		group = e->next;
		if (e->failed)
			pool_partial_keep(c->pool, &e->partial);
		else
			pool_partial_discard(c->pool, &e->partial);
		pool_pending_free(e);
	}
}

/* ---- the thread ---- */

static struct pool_pending *take_group(struct pool_commit *c, size_t *ret_count,
				       uint64_t *ret_bytes)
{
	struct pool_pending *group;

	pthread_mutex_lock(&c->lock);
	while (!c->queue && !c->stop)
		pthread_cond_wait(&c->wake, &c->lock);
	group = c->queue;
	c->queue = NULL;
	c->tail = &c->queue;
	*ret_count = c->count;
	*ret_bytes = c->bytes;
	pthread_mutex_unlock(&c->lock);
	return group;
}

static void *committer(void *arg)
{
	struct pool_commit *c = arg;
	struct pool_pending *group;
	uint64_t bytes;
	size_t count;

	while ((group = take_group(c, &count, &bytes))) {
		commit_group(c, group);
		free_group(c, group);
		pthread_mutex_lock(&c->lock);
		c->count -= count;
		c->bytes -= bytes;
		pthread_cond_broadcast(&c->done);
		pthread_mutex_unlock(&c->lock);
	}
	return NULL;
}

/* The caller holds the lock. The thread must block signals that other threads wait
 * for. */
static int start_committer(struct pool_commit *c, struct nf_err *err)
{
	sigset_t all, old;

	if (c->started)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	errno = pthread_create(&c->thread, NULL, committer, c);
	c->started = errno == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return c->started ? 0 : err_sys(err, "cannot start a thread");
}

int pool_commit_push(struct pool_commit *c, struct pool_pending *e, struct nf_err *err)
{
	int rc;

	pthread_mutex_lock(&c->lock);
	rc = start_committer(c, err);
	if (!rc) {
		while (c->count >= POOL_COMMIT_MAX ||
		       (c->count && c->bytes + e->size > POOL_COMMIT_BYTES_MAX))
			pthread_cond_wait(&c->done, &c->lock);
		c->count++;
		c->bytes += e->size;
		*c->tail = e;
		c->tail = &e->next;
		pthread_cond_signal(&c->wake);
	}
	pthread_mutex_unlock(&c->lock);
	return rc;
}

int pool_commit_flush(struct pool_commit *c, struct nf_err *err)
{
	int rc;

	pthread_mutex_lock(&c->lock);
	while (c->count)
		pthread_cond_wait(&c->done, &c->lock);
	rc = c->rc;
	if (rc && err)
		*err = c->err;
	c->rc = 0;
	pthread_mutex_unlock(&c->lock);
	return rc;
}

void pool_commit_release(struct pool_commit *c)
{
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
	if (c->started)
		pthread_join(c->thread, NULL);
	pthread_cond_destroy(&c->done);
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->lock);
}
