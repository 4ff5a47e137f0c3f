/* Queries that follow from a verdict: verdict queues them, lookup takes them. */
#ifndef ASK_AGAIN_H
#define ASK_AGAIN_H

#include "fetch/engine.h"

struct ask_again {
	struct cache *cache;
	uint32_t node;
	bool is_anew; /* query the cache itself again; else the others */
};

/* The narinfo named a NAR that is not there: queries the cache for the narinfo once more,
 * unless that has been done. The node stays open until it answers, so report to the
 * dispatcher only afterwards that the cache refused. */
void ask_again_cache(struct engine *e, uint32_t node, struct cache *c);
/* FROM, which was queried first, could not supply the node's NAR: queries those that were
 * skipped because of it. Same rule. */
void ask_again_others(struct engine *e, uint32_t node, struct cache *from);

bool ask_again_is_due(const struct engine *e);
/* The oldest; false if there is none. */
bool ask_again_take(struct engine *e, struct ask_again *ret);

#endif
