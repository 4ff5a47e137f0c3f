#include "base/workers.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "base/interrupt.h"
#include "base/mem.h"

struct worker_job {
	job_fn fn;
	void *arg;
};

struct thread {
	struct workers *workers;
	size_t index;
	pthread_t id;
};

struct workers {
	pthread_mutex_t lock;
	pthread_cond_t filled;	      /* a job was queued, or the queue is closed */
	pthread_cond_t freed;	      /* there is room in the queue */
	pthread_cond_t idle;	      /* pending became 0 */
	const struct nf_watch *watch; /* the watch that decides whether jobs continue */
	struct worker_job *ring;
	size_t max;
	size_t first;
	size_t queued;
	size_t pending; /* queued or running */
	bool ending;
	size_t count;
	struct thread threads[];
};

/* Returns false when the queue is empty and closed. */
static bool take_job(struct workers *w, struct worker_job *ret)
{
	pthread_mutex_lock(&w->lock);
	while (w->queued == 0 && !w->ending)
		pthread_cond_wait(&w->filled, &w->lock);
	if (w->queued == 0) {
		pthread_mutex_unlock(&w->lock);
		return false;
	}
	*ret = w->ring[w->first];
	w->first = (w->first + 1) % w->max;
	w->queued--;
	pthread_cond_signal(&w->freed);
	pthread_mutex_unlock(&w->lock);
	return true;
}

static void job_done(struct workers *w)
{
	pthread_mutex_lock(&w->lock);
	if (--w->pending == 0)
		pthread_cond_broadcast(&w->idle);
	pthread_mutex_unlock(&w->lock);
}

static void *run_worker(void *arg)
{
	const struct thread *t = arg;
	struct worker_job job;

	interrupt_set_watch(t->workers->watch);
	while (take_job(t->workers, &job)) {
		job.fn(job.arg, t->index);
		job_done(t->workers);
	}
	return NULL;
}

static void init_sync(struct workers *w)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->filled, NULL);
	pthread_cond_init(&w->freed, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->idle, &attr);
	pthread_condattr_destroy(&attr);
}

/* Fewer threads than requested do the same work; no thread at all is as fatal as no
 * memory. */
static void start_threads(struct workers *w, size_t count)
{
	sigset_t all, saved;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	while (w->count < count) {
		struct thread *t = &w->threads[w->count];

		*t = (struct thread){ .workers = w, .index = w->count };
		if (pthread_create(&t->id, NULL, run_worker, t))
			break;
		w->count++;
	}
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	if (w->count == 0) {
		fputs("nixferry: cannot start a thread\n", stderr);
		abort();
	}
}

struct workers *workers_new(size_t count, size_t queue_max)
{
	struct workers *w;

	assert(count > 0 && queue_max > 0);
	w = mem_calloc(1, sizeof(*w) + count * sizeof(w->threads[0]));
	w->watch = interrupt_watch();
	w->max = queue_max;
	w->ring = mem_calloc(queue_max, sizeof(*w->ring));
	init_sync(w);
	start_threads(w, count);
	return w;
}

static void put_job(struct workers *w, job_fn fn, void *arg)
{
	w->ring[(w->first + w->queued) % w->max] = (struct worker_job){ fn, arg };
	w->queued++;
	w->pending++;
	pthread_cond_signal(&w->filled);
}

void workers_submit(struct workers *w, job_fn fn, void *job)
{
	pthread_mutex_lock(&w->lock);
	while (w->queued == w->max)
		pthread_cond_wait(&w->freed, &w->lock);
	put_job(w, fn, job);
	pthread_mutex_unlock(&w->lock);
}

size_t workers_pending(struct workers *w)
{
	size_t pending;

	pthread_mutex_lock(&w->lock);
	pending = w->pending;
	pthread_mutex_unlock(&w->lock);
	return pending;
}

static struct timespec deadline_in(int ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000L;
	if (t.tv_nsec >= 1000000000L) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000L;
	}
	return t;
}

bool workers_wait(struct workers *w, int timeout_ms)
{
	struct timespec deadline = deadline_in(timeout_ms < 0 ? 0 : timeout_ms);
	bool done;
	int rc = 0;

	pthread_mutex_lock(&w->lock);
	while (w->pending && rc != ETIMEDOUT) {
		if (timeout_ms < 0)
			rc = pthread_cond_wait(&w->idle, &w->lock);
		else
			rc = pthread_cond_timedwait(&w->idle, &w->lock, &deadline);
	}
	done = w->pending == 0;
	pthread_mutex_unlock(&w->lock);
	return done;
}

void workers_free(struct workers *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->ending = true;
	pthread_cond_broadcast(&w->filled);
	pthread_mutex_unlock(&w->lock);
	for (size_t i = 0; i < w->count; i++)
		pthread_join(w->threads[i].id, NULL);
	pthread_cond_destroy(&w->filled);
	pthread_cond_destroy(&w->freed);
	pthread_cond_destroy(&w->idle);
	pthread_mutex_destroy(&w->lock);
	free(w->ring);
	free(w);
}

size_t workers_cpu_count(void)
{
	cpu_set_t set;
	long online;

	if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
		return (size_t)CPU_COUNT(&set);
	/* More processors than a cpu_set_t holds. */
	online = sysconf(_SC_NPROCESSORS_ONLN);
	return online > 0 ? (size_t)online : 1;
}
