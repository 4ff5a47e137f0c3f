/* The closure of some paths, from the References of a pool's entries. */
#ifndef POOL_CLOSURE_H
#define POOL_CLOSURE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/map.h"
#include "pool/pool.h"

struct pool_closure_node {
	struct nf_storepath path;
	uint32_t *refs; /* indices, in byte order of the names, without itself */
	uint32_t nrefs;
	uint32_t referrer; /* who brought it in; its own index for a root */
};

struct pool_closure {
	struct pool_closure_node *nodes; /* in the order they were found */
	size_t len;
	size_t cap;
	struct arena arena;
	struct map index; /* base name to index */
};

void pool_closure_init(struct pool_closure *c);
void pool_closure_release(struct pool_closure *c);

/* Finds all that the roots refer to; VISIT sees each entry once. NF_E_MISSING names a
 * path that is not in the pool, and who refers to it. */
int pool_closure_walk(struct pool_closure *c, struct pool *p,
		      const struct nf_storepath *roots, size_t root_count,
		      int (*visit)(void *ctx, const struct nf_narinfo *ni,
				   struct nf_err *err),
		      void *ctx, struct nf_err *err) MUST_CHECK;

/* Indices of the nodes, c->len of them each, the caller's (free()): in byte order of the
 * names, and references before those who refer to them. Both depend on nothing but which
 * paths there are. References in a circle are NF_E_FORMAT. */
uint32_t *pool_closure_by_name(const struct pool_closure *c);
int pool_closure_order(const struct pool_closure *c, const uint32_t *by_name,
		       uint32_t **ret, struct nf_err *err) MUST_CHECK;

#endif
