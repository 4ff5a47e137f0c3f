/* Answers a planner: what is valid in the local store, what is in the pool, what caches
 * have. */
#ifndef QUERY_H
#define QUERY_H

#include "fetch/fetch.h"
#include "plan/planner.h"
#include "plan/resolver.h"

struct query;

/* Asks until the planner has no more questions. FETCH gives caches, keys and pool; its
 * targets are not looked at. What is valid in STORE (NULL: none), is here, and
 * derivations are read there. RET holds what was learnt, also after a failure. */
int query_run(struct query **ret, const struct fetch_options *fetch,
	      struct local_store *store, struct planner *m,
	      struct nf_err *err) MUST_CHECK;
void query_free(struct query *q);
DEFINE_CLEANUP(struct query *, query_free)

/* What caches and pool said of a node of the planner; NULL: they were not asked. */
const struct resolver_node *query_node(const struct query *q, uint32_t missing_id);

/* Why a node is to be built, or is unknown: of several outputs the gravest. Borrowed. */
struct query_cause {
	enum cause cause;
	int code;	     /* NF_E_... */
	const char *cache;   /* its URL; NULL: no single cache is the cause */
	const char *detail;  /* NULL: the cause says all */
	const char *signers; /* as in struct resolver_reason */
	bool is_signed;
};

struct query_cause query_cause(const struct query *q, uint32_t missing_id);

const struct fetch_result *query_result(const struct query *q);

#endif
