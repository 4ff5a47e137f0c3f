/* Serves a caller's struct nf_watch: a thread shows the progress of the work, and the
 * working threads ask whether it is cancelled. */
#ifndef WATCH_H
#define WATCH_H

#include <nixferry/watch.h>

#include "base/cleanup.h"
#include "base/progress.h"

struct watcher;

/* Starts calling WATCH (borrowed; may be NULL). Until it is stopped, interrupt_check also
 * asks WATCH, on this thread and on those that it starts. */
struct watcher *watcher_start(const struct nf_watch *watch);

/* The progress that the work reports to; NULL if nothing displays it. Valid until
 * watcher_free. */
struct progress *watcher_progress(struct watcher *w);

/* Delivers the remaining notes; makes no calls afterwards. Call it on the thread that
 * started it; a second call does nothing. */
void watcher_stop(struct watcher *w);

/* Also stops it. */
void watcher_free(struct watcher *w);
DEFINE_CLEANUP(struct watcher *, watcher_free)

#endif
