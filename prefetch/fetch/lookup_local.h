/* Queries this machine before any cache: the destination, the pool, the store. */
#ifndef LOOKUP_LOCAL_H
#define LOOKUP_LOCAL_H

#include "fetch/engine.h"

/* Looks for a wanted node; if nothing on this machine has it, caches will be queried. */
void lookup_local_ask(struct engine *e, uint32_t node);
/* FROM, which was queried first, could not supply a node's NAR: queries those that were
 * skipped because of it, and the caches if none of them has it. */
void lookup_local_again(struct engine *e, uint32_t node, const struct cache *from);
/* Whether to query caches for the node when its turn comes. */
bool lookup_local_is_asked_for(const struct engine *e, uint32_t node);

#endif
