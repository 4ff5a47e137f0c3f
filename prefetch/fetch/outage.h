/* Waits for caches that have gone away. */
#ifndef OUTAGE_H
#define OUTAGE_H

#include "fetch/engine.h"

/* Updates which caches are waited for, and for how much longer; the display shows it.
 * Call it in each turn. */
void outage_look(struct engine *e, int64_t now);
/* Something arrived that makes progress. */
void outage_progress(struct engine *e);
/* True if the cache may be queried now: one that is down gets one request at a time. */
bool outage_may_ask(const struct cache *c, int64_t now);
/* Milliseconds until a failed request is retried; -1: never. */
int64_t outage_delay_ms(struct engine *e, unsigned attempt,
			const struct transfer_done *done);

#endif
