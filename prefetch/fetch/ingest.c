#include "fetch/ingest.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/interrupt.h"
#include "base/mem.h"
#include "base/stream.h"
#include "base/workers.h"

#define WORKER_QUEUE 256
/* Each takes the memory of a decoder. */
#define FOLLOWERS_MAX 4

struct ingests {
	struct ingests_options opts;
	struct workers *workers;
	struct workers *followers; /* of downloads in progress */
	size_t follower_count;
	size_t under_way;
	pthread_mutex_t lock;
	pthread_cond_t came_back; /* something was added to it: */
	struct ingest *over;	  /* guarded by lock: not yet examined */
};

struct ingests *ingests_new(const struct ingests_options *opts)
{
	struct ingests *in = mem_calloc(1, sizeof(*in));

	in->opts = *opts;
	pthread_mutex_init(&in->lock, NULL);
	pthread_cond_init(&in->came_back, NULL);
	in->workers = workers_new(opts->workers, WORKER_QUEUE);
	in->follower_count =
		opts->workers < FOLLOWERS_MAX ? opts->workers : FOLLOWERS_MAX;
	in->followers = workers_new(in->follower_count, in->follower_count);
	return in;
}

void ingests_free(struct ingests *in)
{
	if (!in)
		return;
	workers_free(in->followers);
	workers_free(in->workers);
	pthread_mutex_destroy(&in->lock);
	pthread_cond_destroy(&in->came_back);
	free(in);
}

/* Passes a local cache through, and distinguishes its failures from those of the
 * destination. */
struct noted_source {
	struct nf_source source;
	struct nf_source *in;
	struct ingest *job;
};

static int noted_next(struct nf_source *s, struct nf_slice *ret, struct nf_err *err)
{
	struct noted_source *w = (struct noted_source *)s;
	int rc = source_next(w->in, ret, err);

	w->job->unreadable = rc != 0;
	return rc;
}

static void noted_close(struct nf_source *s)
{
	source_close(((struct noted_source *)s)->in);
	free(s);
}

static struct nf_source *noted_source_new(struct nf_source *in, struct ingest *job)
{
	struct noted_source *w = mem_calloc(1, sizeof(*w));

	*w = (struct noted_source){ { noted_next, noted_close }, in, job };
	return &w->source;
}

static int ingest_local(struct ingest *job)
{
	struct nf_source *in;
	int rc;

	rc = local_cache_nar(job->local, &job->info, job->local_url, &in,
			     &job->local_bytes, &job->err);
	job->unreadable = rc != 0;
	if (rc)
		return rc;
	return destination_put(job->ingests->opts.destination, &job->trusted, job->codec,
			       noted_source_new(in, job), local_cache_dumps(job->local),
			       &job->err);
}

static int ingest_partial(struct ingest *job)
{
	struct nf_source *in =
		job->follow ? follow_source(job->follow)
			    : nf_source_of_fd_range(job->partial->fd, 0, UINT64_MAX);

	return destination_put_partial(job->ingests->opts.destination, &job->trusted,
				       job->codec, job->partial, in, &job->err);
}

static void name_unknown(struct ingest *job)
{
	if (job->unknown && (job->rc == -NF_E_FORMAT || job->rc == -NF_E_HASH))
		job->rc = err_set(&job->err, NF_E_UNSUPPORTED,
				  "compression '%s' cannot be decoded", job->unknown);
}

static void run_job(void *ctx, size_t worker)
{
	struct ingest *job = ctx;
	struct ingests *in = job->ingests;

	(void)worker;
	job->rc =
		atomic_load(in->opts.is_broken) ? -NF_E_INTR : interrupt_check(&job->err);
	if (!job->rc)
		job->rc = job->local ? ingest_local(job) : ingest_partial(job);
	name_unknown(job);
	pthread_mutex_lock(&in->lock);
	job->next = in->over;
	in->over = job;
	job->is_back = true;
	pthread_cond_signal(&in->came_back);
	pthread_mutex_unlock(&in->lock);
	if (in->opts.wakeup)
		in->opts.wakeup(in->opts.wakeup_ctx);
}

static void wait_for(struct ingest *job)
{
	job->is_waited_for = true;
	job->ingests->under_way++;
}

void ingest_submit(struct ingest *job)
{
	job->is_back = false;
	wait_for(job);
	workers_submit(job->ingests->workers, run_job, job);
}

/* ---- incomplete downloads ---- */

bool ingest_follow(struct ingest *job)
{
	struct ingests *in = job->ingests;

	if (workers_pending(in->followers) >= in->follower_count)
		return false;
	job->follow = follow_new(job->partial->fd);
	job->is_back = job->is_waited_for = false;
	workers_submit(in->followers, run_job, job);
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
	struct ingests *in = job->ingests;

	follow_break(job->follow);
	pthread_mutex_lock(&in->lock);
	while (!job->is_back)
		pthread_cond_wait(&in->came_back, &in->lock);
	unlink_job(&in->over, job);
	pthread_mutex_unlock(&in->lock);
	forget_follow(job);
}

/* ---- finished jobs ---- */

static struct ingest *take_job(struct ingests *in)
{
	struct ingest *job;

	pthread_mutex_lock(&in->lock);
	job = in->over;
	if (job)
		in->over = job->next;
	pthread_mutex_unlock(&in->lock);
	return job;
}

/* One at a time: a call-back may withdraw others. */
void ingests_collect(struct ingests *in)
{
	struct ingest *job;

	while ((job = take_job(in))) {
		in->under_way -= job->is_waited_for;
		job->was_followed = job->follow != NULL;
		forget_follow(job);
		job->done(job);
	}
}

size_t ingests_under_way(const struct ingests *in)
{
	return in->under_way;
}

/* Jobs that are waited for and not over; the lock is held. */
static size_t count_left(const struct ingests *in)
{
	size_t left = in->under_way;

	for (const struct ingest *job = in->over; job; job = job->next)
		left -= job->is_waited_for;
	return left;
}

void ingests_wait(struct ingests *in)
{
	pthread_mutex_lock(&in->lock);
	while (count_left(in))
		pthread_cond_wait(&in->came_back, &in->lock);
	pthread_mutex_unlock(&in->lock);
}

void ingests_wait_followers(struct ingests *in)
{
	workers_wait(in->followers, -1);
}
