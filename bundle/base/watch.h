/* Runs a caller's struct nf_watch: a thread shows what work reports, and the threads that
 * do the work ask whether it is cancelled. */
#ifndef WATCH_H
#define WATCH_H

#include <nixferry/watch.h>

#include "base/cleanup.h"
#include "base/progress.h"

struct watcher;

/* Starts calling WATCH (borrowed; may be NULL). Until it is stopped, interrupt_check asks
 * WATCH too, on this thread and on those that it starts. */
struct watcher *watcher_start(const struct nf_watch *watch);

/* For the work; NULL where nobody looks. Valid until watcher_free. */
struct progress *watcher_progress(struct watcher *w);

/* Hands out the notes that are left; nothing is called after that. By the thread that
 * started it; stopping it again does nothing. */
void watcher_stop(struct watcher *w);

/* Stops it. */
void watcher_free(struct watcher *w);
DEFINE_CLEANUP(struct watcher *, watcher_free)

#endif
