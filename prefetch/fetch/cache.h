/* The caches of a fetch: their events, and their history. */
#ifndef CACHE_H
#define CACHE_H

#include "fetch/engine.h"

/* Records an event of a cache: for its health, its statistics and, unless TEXT is NULL, a
 * note. */
void cache_event(struct cache *c, enum health_event event, const char *text);
/* It answered with an error status, which does not affect its health. */
void cache_denied(struct cache *c, const char *text);
/* A transfer of a NAR from the cache starts (1) or ends (-1). */
void cache_transferring(struct cache *c, int change);
/* True if the cache will not answer again. */
bool cache_is_gone(const struct cache *c);
const char *cache_why_gone(const struct cache *c);

/* A note for the user: the problem with a node's NAR from the cache. */
void cache_note(const struct cache *c, uint32_t node, const char *text);
/* Records why the NAR was not available from it; the most severe reason is reported at
 * the end. */
void cache_set_reason(const struct cache *c, uint32_t node, int code, const char *text);

/* Creates the caches that the options name; close them even after a failure. */
int caches_open(struct engine *e, struct nf_err *err) MUST_CHECK;
void caches_close(struct engine *e);
/* Applies the history. TIMEOUT_MS is the timeout for connecting. */
void caches_recall(struct engine *e, int timeout_ms);
/* Saves the history. */
void caches_remember(struct engine *e);
/* Apply and save the answers of earlier fetches of this run. */
void caches_recall_answers(struct engine *e);
void caches_keep_answers(struct engine *e);
/* Tells the progress how they are. */
void caches_show(const struct engine *e, int64_t now);
/* Records in the result which caches were dropped, and which never answered. */
void caches_tell_left_out(struct engine *e);

#endif
