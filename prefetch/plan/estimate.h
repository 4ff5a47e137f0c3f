/* From where files would come, and how long that takes, as far as speeds were measured.
 * Pure. */
#ifndef ESTIMATE_H
#define ESTIMATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct estimate_cache {
	bool local;	     /* on this machine: not waited for */
	int priority;	     /* lower first, where nothing else decides */
	uint64_t throughput; /* bytes a second; 0: not measured */
	uint32_t latency_us; /* 0: not measured */
	uint64_t bytes;	     /* compressed, that come from it */
};

/* A cache, by its number, that has the file, in so many bytes. */
struct estimate_offer {
	uint32_t cache;
	uint64_t bytes;
};

/* The one of COUNT > 0 offers that is taken: of a cache on this machine; where both were
 * measured, of the one that would be done with it first after all that comes from it
 * already; else by priority. Its bytes are added to the cache. Call it for the largest
 * files first. */
size_t estimate_take(struct estimate_cache *caches, const struct estimate_offer *offers,
		     size_t count);

/* Bytes that may come beyond those of the offer that is TAKEN because caches race for the
 * file: a race is between two caches of the network, which bring each byte once at most;
 * the two may be the largest offers. */
uint64_t estimate_race(const struct estimate_cache *caches,
		       const struct estimate_offer *offers, size_t count, size_t taken);

/* Seconds until the slowest of them is done: they are fetched from side by side. False if
 * one that is needed was not measured, or if nothing is to be fetched. */
bool estimate_seconds(const struct estimate_cache *caches, size_t count, double *ret);

#endif
