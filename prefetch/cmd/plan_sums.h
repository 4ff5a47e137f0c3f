/* Totals of a plan, and the cache that each path would come from. */
#ifndef PLAN_SUMS_H
#define PLAN_SUMS_H

#include "base/cleanup.h"
#include "cmd/plan_report.h"
#include "plan/estimate.h"

struct plan_cache {
	size_t paths;
	uint64_t download; /* as far as it reports one */
	uint64_t nar;
	const char **vouchers; /* who vouches for these paths */
	size_t voucher_count, voucher_cap;
};

struct plan_sums {
	size_t here, pool;
	size_t derivations; /* valid in the store, and read only to know what they build
			     */
	uint64_t pool_nar, fetch_nar, download;
	uint64_t race;	/* possible in addition to the download */
	size_t unsized; /* to be fetched, but not from this machine, and with an unknown
			   download size */
	uint32_t *fetches; /* ids of the planner, the largest first */
	size_t fetch_count;
	const struct resolver_offer *
		*offers; /* the offer that would be taken, by these ids */
	struct plan_cache *caches;
	struct estimate_cache *speeds; /* one per cache */
	size_t cache_count;
};

/* Borrows from P. */
void plan_sums_init(struct plan_sums *s, const struct plan *p);
void plan_sums_release(struct plan_sums *s);

#endif
