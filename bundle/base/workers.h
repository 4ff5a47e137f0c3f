/* A fixed set of threads and a bounded queue of jobs for them. */
#ifndef WORKERS_H
#define WORKERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct workers;

/* Runs on a worker thread. WORKER (0..count-1) tells which, for what each thread keeps.
 */
typedef void (*job_fn)(void *job, size_t worker);

/* COUNT threads; at most QUEUE_MAX jobs wait. All signals are blocked in the threads. */
struct workers *workers_new(size_t count, size_t queue_max);

/* Waits until there is room, then queues. */
void workers_submit(struct workers *w, job_fn fn, void *job);

/* Jobs that are queued or running. */
size_t workers_pending(struct workers *w);

/* Waits until all jobs are done, at most TIMEOUT_MS (-1: for ever); true if they are. */
bool workers_wait(struct workers *w, int timeout_ms);

/* Finishes all that was queued, ends the threads. */
void workers_free(struct workers *w);
DEFINE_CLEANUP(struct workers *, workers_free)

/* The processors that this process may use; at least 1. */
size_t workers_cpu_count(void);

#endif
