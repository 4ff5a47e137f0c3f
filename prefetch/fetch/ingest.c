#include "fetch/ingest.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/interrupt.h"
#include "base/mem.h"
#include "base/stream.h"
#include "fetch/engine.h"

/* Passes a local source on, and tells its failures from those of where it goes. */
struct watched_source {
	struct nf_source source;
	struct nf_source *in;
	struct ingest *job;
};

static int watched_next(struct nf_source *s, struct nf_slice *ret, struct nf_err *err)
{
	struct watched_source *w = (struct watched_source *)s;
	int rc = source_next(w->in, ret, err);

	w->job->unreadable = rc != 0;
	return rc;
}

static void watched_close(struct nf_source *s)
{
	source_close(((struct watched_source *)s)->in);
	free(s);
}

static struct nf_source *watched_source_new(struct nf_source *in, struct ingest *job)
{
	struct watched_source *w = mem_calloc(1, sizeof(*w));

	*w = (struct watched_source){ { watched_next, watched_close }, in, job };
	return &w->source;
}

static int ingest_local(struct ingest *job)
{
	struct nf_source *in;
	int rc;

	rc = local_source_nar(job->local, &job->info, job->local_url, &in,
			      &job->local_bytes, &job->err);
	job->unreadable = rc != 0;
	if (rc)
		return rc;
	return destination_put(job->engine->destination, &job->trusted, job->codec,
			       watched_source_new(in, job),
			       local_source_dumps(job->local), &job->err);
}

static int ingest_partial(struct ingest *job)
{
	struct nf_source *in =
		job->follow ? follow_source(job->follow)
			    : source_of_fd_range(job->partial->fd, 0, UINT64_MAX);

	return destination_put_partial(job->engine->destination, &job->trusted,
				       job->codec, job->partial, in, &job->err);
}

static void run(void *ctx, size_t worker)
{
	struct ingest *job = ctx;
	struct engine *e = job->engine;

	(void)worker;
	job->rc = atomic_load(&e->is_broken) ? -NF_E_INTR : interrupt_check(&job->err);
	if (!job->rc)
		job->rc = job->local ? ingest_local(job) : ingest_partial(job);
	pthread_mutex_lock(&e->lock);
	job->next = e->ingested;
	e->ingested = job;
	job->is_back = true;
	pthread_cond_signal(&e->came_back);
	pthread_mutex_unlock(&e->lock);
	transfers_wakeup(e->transfers);
}

static void wait_for(struct ingest *job)
{
	job->is_waited_for = true;
	job->engine->ingesting++;
}

void ingest_submit(struct ingest *job)
{
	job->is_back = false;
	wait_for(job);
	workers_submit(job->engine->workers, run, job);
}

/* ---- what still comes ---- */

bool ingest_follow(struct ingest *job)
{
	struct engine *e = job->engine;

	if (workers_pending(e->followers) >= e->follower_count)
		return false;
	job->follow = follow_new(job->partial->fd);
	job->is_back = job->is_waited_for = false;
	workers_submit(e->followers, run, job);
	return true;
}

void ingest_is_whole(struct ingest *job)
{
	wait_for(job);
	follow_whole(job->follow);
}

static void forget_follow(struct ingest *job)
{
	follow_free(job->follow);
	job->follow = NULL;
}

static void unlink_job(struct ingest **list, const struct ingest *job)
{
	while (*list != job)
		list = &(*list)->next;
	*list = job->next;
}

void ingest_withdraw(struct ingest *job)
{
	struct engine *e = job->engine;

	follow_break(job->follow);
	pthread_mutex_lock(&e->lock);
	while (!job->is_back)
		pthread_cond_wait(&e->came_back, &e->lock);
	unlink_job(&e->ingested, job);
	pthread_mutex_unlock(&e->lock);
	forget_follow(job);
}

/* ---- what is over ---- */

static struct ingest *take_job(struct engine *e)
{
	struct ingest *job;

	pthread_mutex_lock(&e->lock);
	job = e->ingested;
	if (job)
		e->ingested = job->next;
	pthread_mutex_unlock(&e->lock);
	return job;
}

/* One by one: whoever is called back may withdraw others. */
void ingest_collect(struct engine *e)
{
	struct ingest *job;

	while ((job = take_job(e))) {
		e->ingesting -= job->is_waited_for;
		job->was_followed = job->follow != NULL;
		forget_follow(job);
		job->done(job);
	}
}
