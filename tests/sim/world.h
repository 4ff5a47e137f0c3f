/* Worlds for the simulator: as a table describes them, or by chance. */
#ifndef WORLD_H
#define WORLD_H

#include "sim.h"

#define WORLD_GROUPS  8
#define WORLD_CHANGES 8

/* Equal caches, or with rates and latencies that lie between two. */
struct world_caches {
	unsigned count; /* 0: there is no such group */
	struct sim_cache like;
	double rate_max, latency_max; /* 0: as LIKE has it */
	/* Of what they serve: */
	uint16_t encoding; /* 0: all have the same */
	uint16_t percent;  /* the size, of what is usual; 0: 100 */
	uint16_t faults;
	uint16_t absent; /* percent of the files, that they have lost */
};

struct world_files {
	unsigned count;
	uint64_t size, size_max; /* SIZE_MAX 0: all have SIZE */
	uint32_t groups;	 /* bits: the groups of caches that have them; 0: all */
	unsigned spread;  /* by so many caches each, at random; 0: by all of them */
	uint64_t present; /* bytes at the beginning that an earlier run left */
	bool is_spoilt;	  /* wrongly */
	bool store_first;
	double every_ms; /* they arrive one by one */
};

struct world_plan {
	unsigned slots, slots_per_cache; /* 0: 16, and as many */
	double link;
	bool link_is_told;
	double stall_timeout_ms; /* 0: 30 s */
	int64_t retry_for_ms;
	bool has_lookups;
	struct world_caches caches[WORLD_GROUPS];
	struct world_files files[WORLD_GROUPS];
	struct sim_change changes[WORLD_CHANGES]; /* of caches by their numbers */
	unsigned change_count;
};

void world_make(struct sim_world *ret, const struct world_plan *plan, uint32_t seed);
/* A small world, in which anything may be wrong. */
void world_random(struct sim_world *ret, uint32_t seed);
void world_release(struct sim_world *w);

#endif
