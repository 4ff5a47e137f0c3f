/* The NARs of a fetch: does what the dispatcher orders. */
#ifndef DOWNLOAD_H
#define DOWNLOAD_H

#include "fetch/engine.h"

/* Makes the dispatcher. */
void download_begin(struct engine *e);
/* Starts what may start; takes back what workers have done. */
void download_pump(struct engine *e, int64_t now);
/* Brings e->rest up to date with what is under way. */
void download_tell_rest(struct engine *e);
/* Milliseconds until a delayed download is due, at most LIMIT. */
int64_t download_next_due(const struct engine *e, int64_t now, int64_t limit);
/* True if nothing is wanted that is not where it is to go, or given up. */
bool download_is_done(const struct engine *e);
/* Ends what follows downloads that are not whole; of the rest it waits for the end. */
void download_let_go(struct engine *e);
void download_end(struct engine *e);

#endif
