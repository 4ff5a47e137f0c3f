/* The closure of some paths, from the References of a pool's entries and of what is to
 * become such. */
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

/* Finds all that the roots refer to. FIND is asked once for each path: it initialises NI
 * in any case and fills it, or says NF_E_MISSING, to which is added who refers to the
 * path. */
int pool_closure_walk(struct pool_closure *c, const struct nf_storepath *roots,
		      size_t root_count,
		      int (*find)(void *ctx, const struct nf_storepath *path,
				  struct nf_narinfo *ni, struct nf_err *err),
		      void *ctx, struct nf_err *err) MUST_CHECK;

/* Indices of the nodes, c->len of them each, the caller's (free()): in byte order of the
 * names, and references before those who refer to them. Both depend on nothing but which
 * paths there are. References in a circle are NF_E_FORMAT. */
uint32_t *pool_closure_by_name(const struct pool_closure *c);
int pool_closure_order(const struct pool_closure *c, const uint32_t *by_name,
		       uint32_t **ret, struct nf_err *err) MUST_CHECK;

#endif
