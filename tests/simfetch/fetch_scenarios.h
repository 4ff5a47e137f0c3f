/* The scenarios of the engine: worlds of which it is known what must come out. */
#ifndef FETCH_SCENARIOS_H
#define FETCH_SCENARIOS_H

#include "fetch_world.h"

/* Sizes of files, and the number of paths in most chains. */
#define SMALL  20000
#define LARGE  800000
#define LEVELS 6

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

/* Each ends with a row without a name. */
extern const struct fetch_scenario content_scenarios[];
extern const struct fetch_scenario outage_scenarios[];

#endif
