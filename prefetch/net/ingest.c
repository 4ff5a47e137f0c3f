#include "net/ingest.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/interrupt.h"
#include "base/mem.h"
#include "base/stream.h"
#include "net/engine.h"

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

static void ingest_run(void *ctx, size_t worker)
{
	struct ingest *job = ctx;
	struct engine *e = job->engine;

	(void)worker;
	job->rc = interrupt_check(&job->err);
	if (!job->rc && job->local)
		job->rc = ingest_local(job);
	else if (!job->rc)
		job->rc = destination_put_partial(e->destination, &job->trusted,
						  job->codec, job->partial, &job->err);
	pthread_mutex_lock(&e->lock);
	job->next = e->ingested;
	e->ingested = job;
	pthread_mutex_unlock(&e->lock);
	transfers_wakeup(e->transfers);
}

void ingest_submit(struct ingest *job)
{
	job->engine->ingesting++;
	workers_submit(job->engine->workers, ingest_run, job);
}

void ingest_collect(struct engine *e)
{
	struct ingest *list, *job;

	pthread_mutex_lock(&e->lock);
	list = TAKE_PTR(e->ingested);
	pthread_mutex_unlock(&e->lock);
	while ((job = list)) {
		list = job->next;
		e->ingesting--;
		job->done(job);
	}
}
