/* How flows share what they go through. */
#ifndef SHARE_H
#define SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What all have that nothing limits; bytes a millisecond, as all rates here. */
#define SHARE_UNLIMITED 1e7

struct flow {
	uint32_t cache;
	bool is_linked; /* goes through the client's link */
	double cap;
	double rate; /* what it gets */
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
