/* The closure of paths, from the References of pool entries and of future entries. */
#ifndef POOL_CLOSURE_H
#define POOL_CLOSURE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/map.h"
#include "format/inventory.h"
#include "pool/pool.h"

struct pool_closure_node {
	struct nf_storepath path;
	uint32_t *refs; /* indices, in byte order of the names, without itself */
	uint32_t nrefs;
	uint32_t referrer; /* who brought it in; its own index for a root */
	const struct nf_bundle_required *had; /* the target has it; else NULL */
};

struct pool_closure {
	struct pool_closure_node *nodes; /* in the order in which they were found */
	size_t len;
	size_t cap;
	const struct inventory *have; /* what ends the walk; borrowed, or NULL */
	struct arena arena;
	struct map index; /* maps a base name to its index */
};

void pool_closure_init(struct pool_closure *c);
void pool_closure_release(struct pool_closure *c);

/* Finds everything that the roots refer to. Set c->have before: a path that is in it is a
 * node with its entry, without references. FIND is called once for each other path: it
 * always initialises NI, and fills it or returns NF_E_MISSING; the error then gets the
 * path's referrer. */
int pool_closure_walk(struct pool_closure *c, const struct nf_storepath *roots,
		      size_t root_count,
		      int (*find)(void *ctx, const struct nf_storepath *path,
				  struct nf_narinfo *ni, struct nf_err *err),
		      void *ctx, struct nf_err *err) MUST_CHECK;

/* Adds to NF_E_MISSING, which is RC, the name of the node and of its referrer. */
int pool_closure_name_referrer(const struct pool_closure *c, uint32_t index, int rc,
			       struct nf_err *err) MUST_CHECK;

/* Return the indices of the c->len nodes, which the caller frees: in byte order of the
 * names, and references before their referrers. Both orders depend only on the set of
 * paths. A circle of references is NF_E_FORMAT. */
uint32_t *pool_closure_by_name(const struct pool_closure *c);
int pool_closure_order(const struct pool_closure *c, const uint32_t *by_name,
		       uint32_t **ret, struct nf_err *err) MUST_CHECK;

#endif
