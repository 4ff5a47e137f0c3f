/* How flows share bandwidth. */
#ifndef SHARE_H
#define SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The rate of a flow that nothing limits; in bytes per millisecond, like all rates
 * here. */
#define SHARE_UNLIMITED 1e7

struct flow {
	uint32_t cache;
	bool is_linked; /* goes through the client's link */
	double cap;
	double rate; /* its share */
	bool is_fixed;
};

struct share_cache {
	double rate;
	double left; /* while flows are counted */
	unsigned flows;
};

/* Gives each its max-min fair share. */
void share(struct flow *const *flows, size_t count, struct share_cache *caches,
	   double link);

#endif
