/* The narinfos of a fetch: asks this machine, then the caches. */
#ifndef LOOKUP_H
#define LOOKUP_H

#include "fetch/engine.h"

/* Asks every cache for its nix-cache-info. */
void lookup_begin(struct engine *e);
/* Asks this machine, then the caches, for what is wanted and was not asked for. */
void lookup_pump(struct engine *e, int64_t now);
/* Milliseconds until a delayed lookup is due, at most LIMIT. */
int64_t lookup_next_due(const struct engine *e, int64_t now, int64_t limit);
/* True if all caches were asked for all that is wanted, and have answered. */
bool lookup_is_done(const struct engine *e);
/* Frees what is not answered; transfers_free must have come before. */
void lookup_end(struct engine *e);

#endif
