/* The scenarios of the engine: worlds of which it is known what must come out. */
#ifndef FETCH_SCENARIOS_H
#define FETCH_SCENARIOS_H

#include "fetch_world.h"

/* A set of caches. */
#define CACHE_BIT(n) (1U << (n))

struct fetch_scenario {
	const char *name;
	void (*make)(struct fetch_world *w, const struct goods_keys *k);
	/* What must come out of it. */
	int code; /* NF_E_..., or 0 */
	size_t came;
	uint32_t accused, left_out; /* caches, all of them */
	size_t accusations;	    /* of these, in sum, at most; 0: any */
	unsigned infos, nars;	    /* requests, at most */
	double twice; /* of the bytes of what came, in percent that may come in vain */
	double least_ms, most_ms; /* that it takes; 0: any */
};

extern const struct fetch_scenario fetch_scenarios[];
extern const size_t fetch_scenario_count;

#endif
