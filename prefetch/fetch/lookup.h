/* The narinfos of a fetch: queries this machine, then the caches. */
#ifndef LOOKUP_H
#define LOOKUP_H

#include "fetch/engine.h"

/* Requests nix-cache-info from every cache. */
void lookup_begin(struct engine *e);
/* Queries this machine, then the caches, for wanted nodes that were not queried yet. */
void lookup_pump(struct engine *e, int64_t now);
/* Milliseconds until a delayed lookup is due, at most LIMIT. */
int64_t lookup_next_due(const struct engine *e, int64_t now, int64_t limit);
/* True if all caches were queried for all wanted nodes, and have answered. */
bool lookup_is_done(const struct engine *e);
/* Frees unanswered requests; call transfers_free first. */
void lookup_end(struct engine *e);

#endif
