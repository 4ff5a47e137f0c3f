/* Bulk worlds, described by a table. */
#ifndef BULK_PLAN_H
#define BULK_PLAN_H

#include "fetch_world.h"

#define PLAN_GROUPS 4

/* Identical caches. */
struct plan_caches {
	unsigned count; /* 0: no such group */
	struct net_cache like;
	/* Of the files that they serve: */
	enum goods_encoding encoding;
	unsigned nar_faults;
	unsigned absent; /* percent of the files that are lost */
};

struct plan_files {
	unsigned count;
	uint64_t size, size_max; /* random between the two; SIZE_MAX 0: all have SIZE */
	uint32_t groups;	 /* bits: the groups of caches that have them; 0: all */
	uint64_t present;	 /* bytes at the beginning that an earlier run left */
	bool is_spoilt;		 /* wrongly */
	unsigned chains;	 /* each refers to the one this many before; 0: to none */
};

struct bulk_plan {
	double tick_ms;	    /* 0: 100 */
	size_t connections; /* 0: 96 */
	double link;
	bool link_is_told; /* for all transfers together */
	int64_t retry_for_ms;
	unsigned percent; /* the size of GOODS_ZSTD_BEST, of the other; 0: 100 */
	struct plan_caches caches[PLAN_GROUPS];
	struct plan_files files[PLAN_GROUPS];
	struct net_change changes[WORLD_CHANGES]; /* by number of the cache */
	unsigned change_count;
};

void bulk_plan_make(const struct bulk_plan *plan, struct fetch_world *w,
		    const struct goods_keys *k);

#endif
