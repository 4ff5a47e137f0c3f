/* Questions that a verdict leaves: it queues them, lookup takes them. */
#ifndef ASK_AGAIN_H
#define ASK_AGAIN_H

#include "fetch/engine.h"

struct ask_again {
	struct cache *cache;
	uint32_t node;
	bool is_anew; /* the cache itself is asked again; else the others */
};

/* The cache named a NAR that is not there: it is asked for the narinfo once more, unless
 * it was already. The node stays open until it has answered, so the dispatcher must be
 * told only after this that the cache refused. */
void ask_again_cache(struct engine *e, uint32_t node, struct cache *c);
/* FROM, which was asked first, could not give the node's NAR after all: those are asked
 * who were not asked because of it. Likewise. */
void ask_again_others(struct engine *e, uint32_t node, struct cache *from);

bool ask_again_is_due(const struct engine *e);
/* The oldest; false if there is none. */
bool ask_again_take(struct engine *e, struct ask_again *ret);

#endif
