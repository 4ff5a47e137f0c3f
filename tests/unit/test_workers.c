#include "base/workers.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT 4

/* Jobs that wait at it pass only when it is opened. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool open;
	size_t waiting;
};

static void gate_init(struct gate *g)
{
	*g = (struct gate){ .open = false };
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->changed, NULL);
}

static void gate_pass(void *job, size_t worker)
{
	struct gate *g = job;

	(void)worker;
	pthread_mutex_lock(&g->lock);
	g->waiting++;
	pthread_cond_broadcast(&g->changed);
	while (!g->open)
		pthread_cond_wait(&g->changed, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

static void gate_await(struct gate *g, size_t waiting)
{
	pthread_mutex_lock(&g->lock);
	while (g->waiting < waiting)
		pthread_cond_wait(&g->changed, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

static void gate_open(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->open = true;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

struct tally {
	atomic_size_t jobs;
	size_t of_worker[COUNT]; /* without a lock: each worker has its own */
};

static void count(void *job, size_t worker)
{
	struct tally *t = job;

	atomic_fetch_add(&t->jobs, 1);
	t->of_worker[worker]++;
}

static void every_job_runs_once_and_wait_sees_them_done(void **state)
{
	struct tally tally = { 0 };
	struct workers *w = workers_new(COUNT, 8);
	size_t sum = 0;

	(void)state;
	for (size_t i = 0; i < 5000; i++)
		workers_submit(w, count, &tally);
	assert_true(workers_wait(w, -1));
	assert_int_equal(workers_pending(w), 0);
	assert_int_equal(tally.jobs, 5000);
	for (size_t i = 0; i < COUNT; i++)
		sum += tally.of_worker[i];
	assert_int_equal(sum, 5000);
	workers_free(w);
}

static void free_finishes_what_was_queued(void **state)
{
	struct tally tally = { 0 };
	struct workers *w = workers_new(1, 100);

	(void)state;
	for (size_t i = 0; i < 100; i++)
		workers_submit(w, count, &tally);
	workers_free(w);
	assert_int_equal(tally.jobs, 100);
	workers_free(NULL);
}

struct submitter {
	struct workers *workers;
	struct tally *tally;
	atomic_bool is_through;
};

static void *submit_one(void *ctx)
{
	struct submitter *s = ctx;

	workers_submit(s->workers, count, s->tally);
	atomic_store(&s->is_through, true);
	return NULL;
}

static void full_queue_blocks_submit_and_wait_times_out(void **state)
{
	struct tally tally = { 0 };
	struct gate gate;
	struct workers *w = workers_new(2, 3);
	struct submitter one_more = { .workers = w, .tally = &tally };
	pthread_t thread;

	(void)state;
	gate_init(&gate);
	workers_submit(w, gate_pass, &gate);
	workers_submit(w, gate_pass, &gate);
	gate_await(&gate, 2);
	for (size_t i = 0; i < 3; i++)
		workers_submit(w, count, &tally);
	assert_int_equal(pthread_create(&thread, NULL, submit_one, &one_more), 0);
	assert_false(workers_wait(w, 0));
	assert_false(workers_wait(w, 20));
	assert_false(atomic_load(&one_more.is_through));
	assert_int_equal(workers_pending(w), 5);
	gate_open(&gate);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(workers_wait(w, 60000));
	assert_int_equal(tally.jobs, 4);
	workers_free(w);
}

static void look_at_the_mask(void *job, size_t worker)
{
	sigset_t set;

	(void)worker;
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	*(bool *)job = sigismember(&set, SIGINT) && sigismember(&set, SIGTERM) &&
		       sigismember(&set, SIGHUP) && sigismember(&set, SIGCHLD);
}

static void signals_are_blocked_in_the_workers_alone(void **state)
{
	struct workers *w = workers_new(1, 1);
	bool blocked = false;
	sigset_t set;

	(void)state;
	workers_submit(w, look_at_the_mask, &blocked);
	assert_true(workers_wait(w, -1));
	assert_true(blocked);
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	assert_false(sigismember(&set, SIGINT));
	workers_free(w);
}

static void there_is_at_least_one_processor(void **state)
{
	(void)state;
	assert_in_range(workers_cpu_count(), 1, 1 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_job_runs_once_and_wait_sees_them_done),
		cmocka_unit_test(free_finishes_what_was_queued),
		cmocka_unit_test(full_queue_blocks_submit_and_wait_times_out),
		cmocka_unit_test(signals_are_blocked_in_the_workers_alone),
		cmocka_unit_test(there_is_at_least_one_processor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
