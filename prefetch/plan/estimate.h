/* From which caches files would come, and how long that takes at the measured speeds.
 * Pure. */
#ifndef ESTIMATE_H
#define ESTIMATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct estimate_cache {
	bool local;	     /* on this machine: takes no time */
	int priority;	     /* lower is preferred, where nothing else decides */
	uint64_t throughput; /* bytes per second; 0: not measured */
	uint32_t latency_us; /* 0: not measured */
	uint64_t bytes;	     /* compressed size of what comes from it */
};

/* A cache, by number, that has the file, with this size. */
struct estimate_offer {
	uint32_t cache;
	uint64_t bytes;
};

/* Chooses one of COUNT > 0 offers: of a cache on this machine; if both were measured, of
 * the one that would finish first, after everything that already comes from it; else by
 * priority. Adds the bytes to the cache. Call it for the largest files first. */
size_t estimate_take(struct estimate_cache *caches, const struct estimate_offer *offers,
		     size_t count);

/* Bytes that may arrive in addition to the TAKEN offer because caches race for the file:
 * a race is between two network caches, which bring each byte at most once; these may be
 * the two largest offers. */
uint64_t estimate_race(const struct estimate_cache *caches,
		       const struct estimate_offer *offers, size_t count, size_t taken);

/* Seconds until the slowest cache is done; all work in parallel. False if a cache that is
 * needed was not measured, or if nothing is to be fetched. */
bool estimate_seconds(const struct estimate_cache *caches, size_t count, double *ret);

#endif
