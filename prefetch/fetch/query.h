/* Answers a planner's questions: what is valid in the local store, and what the pool and
 * the caches have. */
#ifndef QUERY_H
#define QUERY_H

#include "fetch/fetch.h"
#include "plan/planner.h"
#include "plan/resolver.h"

struct query;

/* Queries until the planner has no more questions. FETCH supplies caches, keys and pool;
 * its paths are ignored. Paths valid in STORE (may be NULL) are present, and derivations
 * are read from it. RET holds the results, even after a failure. */
int query_run(struct query **ret, const struct fetch_options *fetch,
	      struct local_store *store, struct planner *m,
	      struct nf_err *err) MUST_CHECK;
void query_free(struct query *q);
DEFINE_CLEANUP(struct query *, query_free)

/* What caches and pool answered for a node of the planner; NULL if they were not
 * queried. */
const struct resolver_node *query_node(const struct query *q, uint32_t missing_id);

/* Why a node must be built, or is unknown: for several outputs, the most severe cause.
 * Borrowed. */
struct query_cause {
	enum cause cause;
	int code;	     /* NF_E_... */
	const char *cache;   /* its URL; NULL if no single cache is the cause */
	const char *detail;  /* NULL: the cause says it all */
	const char *signers; /* as in struct resolver_reason */
	bool is_signed;
};

struct query_cause query_cause(const struct query *q, uint32_t missing_id);

const struct fetch_result *query_result(const struct query *q);

#endif
