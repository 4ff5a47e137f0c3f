/* The NARs of a fetch: carries out the dispatcher's orders. */
#ifndef DOWNLOAD_H
#define DOWNLOAD_H

#include "fetch/engine.h"

/* Creates the dispatcher. */
void download_begin(struct engine *e);
/* Starts what can be started; processes the results of workers. */
void download_pump(struct engine *e, int64_t now);
/* Updates e->rest with what is in progress. */
void download_tell_rest(struct engine *e);
/* Milliseconds until a delayed download is due, at most LIMIT. */
int64_t download_next_due(const struct engine *e, int64_t now, int64_t limit);
/* True if every wanted NAR is stored or given up. */
bool download_is_done(const struct engine *e);
/* Ends the jobs that follow incomplete downloads, and waits for the other jobs. */
void download_let_go(struct engine *e);
void download_end(struct engine *e);

#endif
