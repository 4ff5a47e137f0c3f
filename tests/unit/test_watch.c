#include "base/watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/interrupt.h"
#include "base/workers.h"

/* An observer. */
struct onlooker {
	struct nf_watch watch;
	atomic_int looks;
	atomic_bool is_cancelled;
	uint64_t bytes_done; /* as last reported */
	char notes[256];
};

static void on_progress(void *ctx, const struct nf_progress *now)
{
	struct onlooker *o = ctx;

	o->bytes_done = now->bytes_done;
	assert_string_equal(now->phase, "fetching");
	assert_int_equal(now->item_count, 1);
	assert_string_equal(now->items[0].name, "glibc");
	atomic_fetch_add(&o->looks, 1);
}

static void on_note(void *ctx, const char *text)
{
	struct onlooker *o = ctx;

	strncat(o->notes, text, sizeof(o->notes) - strlen(o->notes) - 1);
	strncat(o->notes, "\n", sizeof(o->notes) - strlen(o->notes) - 1);
}

static bool is_cancelled(void *ctx)
{
	struct onlooker *o = ctx;

	return atomic_load(&o->is_cancelled);
}

static void look_on(struct onlooker *o)
{
	*o = (struct onlooker){
		.watch = { o, on_progress, on_note, is_cancelled },
	};
}

static void watch_reports_progress(void **state)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	struct onlooker o;
	struct watcher *w;
	struct progress *p;

	(void)state;
	look_on(&o);
	w = watcher_start(&o.watch);
	p = watcher_progress(w);
	progress_phase(p, "fetching");
	progress_begin(p, "fetch", "glibc");
	progress_set(p, PROGRESS_BYTES_DONE, 17);
	while (!atomic_load(&o.looks))
		nanosleep(&pause, NULL);
	watcher_stop(w);
	assert_int_equal(o.bytes_done, 17);
	watcher_free(w);
}

static void no_note_is_lost(void **state)
{
	struct onlooker o;
	struct watcher *w;

	(void)state;
	look_on(&o);
	w = watcher_start(&o.watch);
	progress_phase(watcher_progress(w), "fetching");
	progress_begin(watcher_progress(w), "fetch", "glibc");
	progress_note(watcher_progress(w), "one");
	progress_note(watcher_progress(w), "two");
	watcher_stop(w);
	assert_string_equal(o.notes, "one\ntwo\n");
	progress_note(watcher_progress(w), "too late");
	watcher_free(w);
	assert_string_equal(o.notes, "one\ntwo\n");
}

static void progress_needs_no_reader(void **state)
{
	const struct nf_watch deaf = { .ctx = NULL };
	struct watcher *w;

	(void)state;
	w = watcher_start(NULL);
	assert_null(watcher_progress(w));
	watcher_free(w);
	w = watcher_start(&deaf);
	assert_null(watcher_progress(w));
	assert_false(interrupt_pending());
	watcher_free(w);
}

static void ask(void *job, size_t worker)
{
	(void)worker;
	*(int *)job = interrupt_check(NULL);
}

/* What a worker's job sees. */
static int ask_worker(struct workers *w)
{
	int answer = 1;

	workers_submit(w, ask, &answer);
	workers_wait(w, -1);
	return answer;
}

static void cancelling_interrupts_all_workers_of_the_caller(void **state)
{
	struct onlooker o;
	struct watcher *w;
	struct workers *mine, *others = workers_new(1, 1);

	(void)state;
	look_on(&o);
	o.watch.progress = NULL;
	w = watcher_start(&o.watch);
	mine = workers_new(2, 2);
	assert_int_equal(interrupt_check(NULL), 0);
	assert_int_equal(ask_worker(mine), 0);
	atomic_store(&o.is_cancelled, true);
	assert_int_equal(interrupt_check(NULL), -NF_E_INTR);
	assert_int_equal(ask_worker(mine), -NF_E_INTR);
	assert_int_equal(ask_worker(others), 0);
	workers_free(mine);
	watcher_free(w);
	assert_int_equal(interrupt_check(NULL), 0);
	workers_free(others);
}

static void nested_call_also_asks_the_outer_caller(void **state)
{
	struct onlooker outer, inner;
	struct watcher *w, *within;

	(void)state;
	look_on(&outer);
	look_on(&inner);
	outer.watch.progress = inner.watch.progress = NULL;
	inner.watch.is_cancelled = NULL;
	w = watcher_start(&outer.watch);
	within = watcher_start(&inner.watch);
	atomic_store(&outer.is_cancelled, true);
	assert_true(interrupt_pending());
	watcher_free(within);
	assert_true(interrupt_pending());
	watcher_free(w);
	assert_false(interrupt_pending());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(watch_reports_progress),
		cmocka_unit_test(no_note_is_lost),
		cmocka_unit_test(progress_needs_no_reader),
		cmocka_unit_test(cancelling_interrupts_all_workers_of_the_caller),
		cmocka_unit_test(nested_call_also_asks_the_outer_caller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
