/* A fixed set of threads and a bounded queue of jobs for them. */
#ifndef WORKERS_H
#define WORKERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct workers;

/* Runs on a worker thread. WORKER (0 to count-1) is its number, for per-thread data. */
typedef void (*job_fn)(void *job, size_t worker);

/* Starts COUNT threads; at most QUEUE_MAX jobs wait. All signals are blocked in the
 * threads. */
struct workers *workers_new(size_t count, size_t queue_max);

/* Queues a job; waits if the queue is full. */
void workers_submit(struct workers *w, job_fn fn, void *job);

/* Number of jobs that are queued or running. */
size_t workers_pending(struct workers *w);

/* Waits until all jobs are done, at most TIMEOUT_MS (-1: forever); true if they are
 * done. */
bool workers_wait(struct workers *w, int timeout_ms);

/* Finishes all queued jobs and ends the threads. */
void workers_free(struct workers *w);
DEFINE_CLEANUP(struct workers *, workers_free)

/* Number of processors that this process may use; at least 1. */
size_t workers_cpu_count(void);

#endif
