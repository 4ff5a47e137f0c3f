/* What a cache answered: read, judged, and told to the resolver. */
#ifndef LOOKUP_TAKE_H
#define LOOKUP_TAKE_H

#include "fetch/lookup_why.h"

/* The text of a narinfo, */
void lookup_take_narinfo(struct cache *c, uint32_t node, struct nf_slice text);
/* or one that was read; or with RC and ERR what is wrong with it. */
void lookup_take_answer(struct cache *c, uint32_t node, struct nf_narinfo *ni, int rc,
			struct nf_err *err);

/* The text of its nix-cache-info: from now on it is ready, or refused. */
void lookup_take_cache_info(struct cache *c, struct nf_slice text);
/* It is not asked any more. */
void lookup_refuse_cache(struct cache *c, const struct lookup_why *why);

#endif
