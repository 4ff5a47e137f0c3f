#include "base/watch.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/interrupt.h"
#include "base/mem.h"

#define TICK_NS 125000000L

struct watcher {
	const struct nf_watch *watch; /* NULL without a watch */
	const struct nf_watch *asked_before;
	struct progress *progress; /* NULL without an on_progress call-back */
	struct nf_progress now;	   /* of the thread */
	pthread_t thread;
	bool is_running; /* the thread is running */
	bool is_stopped;
	pthread_mutex_t lock; /* guards everything below */
	pthread_cond_t wake;
	bool stop;
};

static void hand_out_notes(struct watcher *w)
{
	char *text;

	while ((text = progress_take_note(w->progress))) {
		if (w->watch->note)
			w->watch->note(w->watch->ctx, text);
		free(text);
	}
}

static void tick(struct watcher *w)
{
	hand_out_notes(w);
	if (!w->watch->progress)
		return;
	progress_look(w->progress, &w->now);
	w->watch->progress(w->watch->ctx, &w->now);
}

/* Returns false when the thread must stop. */
static bool wait_for_tick(struct watcher *w)
{
	struct timespec until;
	bool stop;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += TICK_NS;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	pthread_mutex_lock(&w->lock);
	if (!w->stop)
		pthread_cond_timedwait(&w->wake, &w->lock, &until);
	stop = w->stop;
	pthread_mutex_unlock(&w->lock);
	return !stop;
}

static void *watcher_thread(void *arg)
{
	struct watcher *w = arg;

	while (wait_for_tick(w))
		tick(w);
	return NULL;
}

/* Signals are for the caller's threads. If the thread cannot be started, nothing is
 * shown, but the work goes on. */
static void start_thread(struct watcher *w)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	w->is_running = pthread_create(&w->thread, NULL, watcher_thread, w) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct watcher *watcher_start(const struct nf_watch *watch)
{
	struct watcher *w = mem_calloc(1, sizeof(*w));
	pthread_condattr_t attr;

	w->watch = watch;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &attr);
	pthread_condattr_destroy(&attr);
	w->asked_before = interrupt_watch();
	if (watch && watch->is_cancelled)
		interrupt_set_watch(watch);
	if (watch && (watch->progress || watch->note)) {
		w->progress = progress_new();
		start_thread(w);
	}
	return w;
}

struct progress *watcher_progress(struct watcher *w)
{
	return w->progress;
}

void watcher_stop(struct watcher *w)
{
	if (w->is_stopped)
		return;
	w->is_stopped = true;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	if (w->is_running)
		pthread_join(w->thread, NULL);
	hand_out_notes(w);
	interrupt_set_watch(w->asked_before);
}

void watcher_free(struct watcher *w)
{
	if (!w)
		return;
	watcher_stop(w);
	progress_free(w->progress);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
