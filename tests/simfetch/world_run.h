/* One run of the real engine in a world, or two if the first is killed. */
#ifndef WORLD_RUN_H
#define WORLD_RUN_H

#include "fetch/fetch.h"
#include "net.h"

struct world_run {
	struct fetch_world *world;
	struct net *net;
	char *dir; /* scratch: the pool is in it, and what is on this machine */
	char *history;
	struct pool *pool;
	struct local_store *store;
	struct substituter substituters[WORLD_CACHES];
	size_t substituter_count; /* the caches without a store, which is the last */
	struct nf_storepath *targets;
	size_t target_count;
	/* Of the last run: */
	int rc;
	struct nf_err err;
	struct fetch_result result;
	struct progress *progress;
	bool *came; /* by path: verified, in the pool, as it should be */
	size_t came_count;
	char failure[256]; /* the broken invariant; empty if none */
};

void world_run(struct world_run *r, struct fetch_world *w, const struct goods_keys *k,
	       bool trace);
/* Checks the invariants that hold in every world. */
void world_judge(struct world_run *r);
void world_run_release(struct world_run *r);

/* The cache was accused of wrong bytes or metadata. */
bool world_run_accused(const struct world_run *r, size_t cache);
const struct fetch_failure *world_run_failure_of(const struct world_run *r, size_t path);
/* The first broken invariant counts. */
void world_run_broken(struct world_run *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
