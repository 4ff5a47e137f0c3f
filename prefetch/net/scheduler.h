/* Which NAR to fetch next, and from which source. Pure: it is told what is wanted and how
 * the caches are, and says what to start. */
#ifndef SCHEDULER_H
#define SCHEDULER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "plan/resolver.h"

/* A job remembers the sources that it tried as bits. */
#define SCHEDULER_CACHES_MAX 64

/* What the scheduler must know of a cache, at the time of the question. */
struct scheduler_cache {
	bool usable;	 /* may be asked now */
	bool gone;	 /* will not be usable again */
	unsigned active; /* NARs that are being fetched from it */
	int priority;	 /* lower first */
};

struct scheduler;

struct scheduler *scheduler_new(const struct resolver *r);
void scheduler_free(struct scheduler *s);
DEFINE_CLEANUP(struct scheduler *, scheduler_free)

/* A known node's NAR is wanted. */
void scheduler_want(struct scheduler *s, uint32_t node);

/* The source failed for the node, which is wanted again, from another one. */
void scheduler_failed(struct scheduler *s, uint32_t node,
		      const struct resolver_source *source);

/* True if the node has a source besides this one that was not tried yet: better than
 * waiting for this one to recover. */
bool scheduler_has_other(struct scheduler *s, uint32_t node,
			 const struct resolver_source *source);

enum scheduler_verdict {
	SCHEDULER_START,     /* *ret_node from *ret_source */
	SCHEDULER_EXHAUSTED, /* *ret_node has no source left: it is given up */
	SCHEDULER_WAIT,	     /* nothing can start now */
};

/* The largest NAR that can start, from the least loaded of its best sources. What it
 * names is no longer wanted until scheduler_failed says so. */
enum scheduler_verdict scheduler_next(struct scheduler *s,
				      const struct scheduler_cache *caches,
				      uint32_t *ret_node,
				      struct resolver_source **ret_source);

/* NARs that wait. */
size_t scheduler_waiting(const struct scheduler *s);

#endif
