/* The caches of a fetch: what happens to one, and what is known and learned of them. */
#ifndef CACHE_H
#define CACHE_H

#include "fetch/engine.h"

/* An event of a cache: for its health, its statistics and, where TEXT is not NULL, a
 * note. */
void cache_event(struct cache *c, enum health_event event, const char *text);
/* It answered, with a status that says no: that is not a failure of its health. */
void cache_denied(struct cache *c, const char *text);
/* A transfer of a NAR from the cache starts (1) or ends (-1). */
void cache_transferring(struct cache *c, int change);
/* True if the cache will not answer any more. */
bool cache_is_gone(const struct cache *c);
const char *cache_why_gone(const struct cache *c);

/* A note for people: what went wrong with a node's NAR from the cache. */
void cache_note(const struct cache *c, uint32_t node, const char *text);
/* Why the NAR could not be had from it; the gravest reason is told in the end. */
void cache_set_reason(const struct cache *c, uint32_t node, int code, const char *text);

/* Makes those that the options name; to be closed also where that failed. */
int caches_open(struct engine *e, struct nf_err *err) MUST_CHECK;
void caches_close(struct engine *e);
/* What earlier runs learned of them. TIMEOUT_MS is the one for connecting. */
void caches_recall(struct engine *e, int timeout_ms);
/* For later ones. */
void caches_remember(struct engine *e);
/* The same of earlier fetches of this run. */
void caches_recall_answers(struct engine *e);
void caches_keep_answers(struct engine *e);
/* In the result: who was left out, and who said nothing. */
void caches_tell_left_out(struct engine *e);

#endif
