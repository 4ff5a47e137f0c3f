/* Parses and verifies the answers of caches, and passes them to the resolver. */
#ifndef LOOKUP_TAKE_H
#define LOOKUP_TAKE_H

#include "fetch/lookup_why.h"

/* Takes the text of a narinfo, */
void lookup_take_narinfo(struct cache *c, uint32_t node, struct nf_slice text);
/* or a parsed one; or, with RC and ERR, the fault. */
void lookup_take_answer(struct cache *c, uint32_t node, struct nf_narinfo *ni, int rc,
			struct nf_err *err);

/* Takes the text of its nix-cache-info: from now on it is ready, or refused. */
void lookup_take_cache_info(struct cache *c, struct nf_slice text);
/* It is no longer queried. */
void lookup_refuse_cache(struct cache *c, const struct lookup_why *why);

#endif
