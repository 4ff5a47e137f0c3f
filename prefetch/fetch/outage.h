/* Caches that went away and are waited for. */
#ifndef OUTAGE_H
#define OUTAGE_H

#include "fetch/engine.h"

/* Looks who is waited for, and for how long yet; the display says so. At each turn. */
void outage_look(struct engine *e, int64_t now);
/* Something came that brings the run further. */
void outage_progress(struct engine *e);
/* True if the cache may be asked something now: of one that is down one thing at a time.
 */
bool outage_may_ask(const struct cache *c, int64_t now);
/* Milliseconds until a question that failed is asked again; -1: never. */
int64_t outage_delay_ms(struct engine *e, unsigned attempt,
			const struct transfer_done *done);

#endif
