/* Tells the resolver why a cache does not help with a path. */
#ifndef LOOKUP_WHY_H
#define LOOKUP_WHY_H

#include "fetch/engine.h"
#include "plan/cause.h"

/* Why there is no usable answer. TEXT is borrowed. */
struct lookup_why {
	enum cause cause;
	int code; /* NF_E_... */
	const char *text;
};

struct lookup_why lookup_why_of(int code, const char *text);

/* Why the cache is no longer queried. */
struct lookup_why lookup_why_gone(const struct cache *c);

/* The cache does not have the node. */
void lookup_why_absent(struct cache *c, uint32_t node);

/* It may have it, but cannot be queried. */
void lookup_why_tell(struct cache *c, uint32_t node, const struct lookup_why *why);

/* Its answer is unusable: an NF_E_... and its text. */
void lookup_why_useless(struct cache *c, uint32_t node, const struct nf_narinfo *ni,
			int rc, const char *text);

#endif
