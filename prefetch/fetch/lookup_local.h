/* What is on this machine is asked before any cache: where NARs go, the pool, the store.
 */
#ifndef LOOKUP_LOCAL_H
#define LOOKUP_LOCAL_H

#include "fetch/engine.h"

/* Asks for a node that is wanted; where nothing on this machine has it, the caches will
 * be. */
void lookup_local_ask(struct engine *e, uint32_t node);
/* FROM, which was asked first, could not give a node's NAR after all: asks those who were
 * not asked because of it, and lets caches be asked where none of them has it. */
void lookup_local_again(struct engine *e, uint32_t node, const struct cache *from);
/* Whether caches are asked for the node when its turn comes. */
bool lookup_local_is_asked_for(const struct engine *e, uint32_t node);

#endif
