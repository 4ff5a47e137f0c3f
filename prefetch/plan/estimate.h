/* How long a download takes, as far as speeds were measured. Pure. */
#ifndef ESTIMATE_H
#define ESTIMATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What would come from a cache, and how fast that cache was. */
struct estimate_share {
	uint64_t bytes;	     /* compressed */
	uint64_t throughput; /* bytes a second; 0: not measured */
	uint32_t latency_us; /* 0: not measured */
};

/* Seconds until the slowest of them is done: they are fetched from side by side. False if
 * one that is needed was not measured, or if nothing is to be fetched. */
bool estimate_seconds(const struct estimate_share *shares, size_t count, double *ret);

#endif
