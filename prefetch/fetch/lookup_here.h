/* What is on this machine is asked before any cache: where NARs go, the pool, the store.
 */
#ifndef LOOKUP_HERE_H
#define LOOKUP_HERE_H

#include "fetch/engine.h"

/* Asks for a node that is wanted; where nothing on this machine has it, the caches will
 * be. */
void lookup_here_ask(struct engine *e, uint32_t node);
/* Whether caches are asked for the node when its turn comes. */
bool lookup_here_is_asked_for(const struct engine *e, uint32_t node);
/* It is in the target store, without a signature by a trusted key. */
bool lookup_here_lacks_sigs(const struct engine *e, uint32_t node);

/* C gave the first answer for a node: its NAR is wanted, unless the answer shows that it
 * is where it is to go. */
void lookup_here_take_first(struct cache *c, uint32_t node, const struct nf_trusted *t);

/* ---- lookup.c ---- */

/* An answer for a node that somebody vouches for. */
int lookup_take(struct cache *c, uint32_t node, const struct nf_narinfo *ni,
		const struct nf_trusted *t, struct nf_err *err) MUST_CHECK;

#endif
