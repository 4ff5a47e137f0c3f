/* Answers a planner: what is valid in the local store, what is in the pool, what caches
 * have. */
#ifndef QUERY_H
#define QUERY_H

#include "net/fetch.h"
#include "plan/missing.h"
#include "plan/resolver.h"

/* What a query may look at in the local store; any function may be called once a node. */
struct query_store {
	void *ctx;
	/* NF_E_... only where the store cannot be read. */
	int (*is_valid)(void *ctx, const struct nf_storepath *path, bool *ret,
			struct nf_err *err);
	/* The text of a valid .drv (free()). */
	int (*read_drv)(void *ctx, const struct nf_storepath *path, char **ret,
			size_t *ret_len, struct nf_err *err);
};

struct query;

/* Asks until the planner has no more questions. FETCH gives caches, keys and pool; its
 * targets are not looked at. RET holds what was learnt, also after a failure. */
int query_run(struct query **ret, const struct fetch_options *fetch,
	      const struct query_store *store, struct missing *m,
	      struct nf_err *err) MUST_CHECK;
void query_free(struct query *q);
DEFINE_CLEANUP(struct query *, query_free)

/* What caches and pool said of a node of the planner; NULL: they were not asked. */
const struct resolver_node *query_node(const struct query *q, uint32_t missing_id);

const struct fetch_result *query_result(const struct query *q);

#endif
