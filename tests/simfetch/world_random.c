#include <math.h>
#include <string.h>

#include "fetch_world.h"

#define PATHS_MAX 14
#define SMALL_MAX 2e4
#define LARGE_MAX 8e5
#define BULK_MAX  2e7

static uint32_t any(uint32_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 17;
	*random ^= *random << 5;
	return *random;
}

static uint32_t below(uint32_t *random, uint32_t limit)
{
	return (any(random) >> 8) % limit;
}

static bool one_in(uint32_t *random, uint32_t n)
{
	return below(random, n) == 0;
}

/* Logarithmic: as many from 1 to 10 as from 10 to 100. */
static double between(uint32_t *random, double least, double most)
{
	return least * pow(most / least, (double)any(random) / UINT32_MAX);
}

/* Half of the caches always answer. */
static void random_cache(struct net_cache *c, uint32_t *random)
{
	bool is_reliable = !one_in(random, 2);

	*c = (struct net_cache){
		.priority = 30 + (int)below(random, 3) * 10,
		.info = one_in(random, 12) ? (enum net_info)(1 + below(random, 3))
					   : NET_INFO_OK,
		.latency_ms = between(random, 0.5, 400),
		.rate = one_in(random, 5) ? 0 : between(random, 1e4, 1e8),
		.connection_rate = one_in(random, 2) ? 0 : between(random, 1e4, 1e7),
		.retry_after_s = one_in(random, 2) ? (int)below(random, 20) : 0,
		.no_range = one_in(random, 5),
		.no_etag = one_in(random, 5),
		.no_length = one_in(random, 8),
	};
	if (is_reliable)
		return;
	c->mode = one_in(random, 4) ? (enum net_mode)below(random, NET_BUSY + 1) : NET_UP;
	c->breaks = one_in(random, 2) ? between(random, 1, 50) : 0;
	c->stalls = one_in(random, 3) ? between(random, 1, 10) : 0;
	c->errors = one_in(random, 2) ? between(random, 1, 50) : 0;
}

static unsigned random_info_faults(uint32_t *random, bool lies)
{
	static const unsigned honest[] = { INFO_UNSIGNED,
					   INFO_UNKNOWN_KEY,
					   INFO_NO_SIZE,
					   INFO_NO_HASH,
					   INFO_WRONG_SIZE,
					   INFO_OTHER_CODEC,
					   INFO_NO_SIZE | INFO_NO_HASH };
	static const unsigned wrong[] = { INFO_FORGED, INFO_GARBAGE, INFO_OTHER_PATH };

	if (lies && one_in(random, 6))
		return wrong[below(random, 3)];
	return one_in(random, 5) ? honest[below(random, 7)] : 0;
}

static unsigned random_nar_faults(uint32_t *random, bool lies)
{
	static const unsigned wrong[] = { NAR_LIES,  NAR_LIES, NAR_LIES,       NAR_LIES,
					  NAR_SHORT, NAR_LONG, NAR_OTHER_RANGE };

	if (lies && one_in(random, 2))
		return wrong[below(random, 7)];
	return one_in(random, 8) ? (one_in(random, 2) ? NAR_GONE : NAR_MOVED) : 0;
}

static void random_offer(struct net_offer *o, uint32_t *random, bool lies, uint64_t size)
{
	*o = (struct net_offer){
		.is_there = !one_in(random, 4),
		.encoding = one_in(random, 3)
				    ? (enum goods_encoding)below(random, GOODS_ENCODINGS)
				    : GOODS_ZSTD,
		.info_faults = random_info_faults(random, lies),
		.nar_faults = random_nar_faults(random, lies),
		.lies_from = below(random, (uint32_t)size),
	};
	o->lies_end = o->lies_from + (one_in(random, 2) ? 1 : below(random, 100000) + 1);
}

/* Each is referred to by a later one: all are in one closure. */
static void random_path(struct fetch_world *w, const struct goods_keys *k,
			uint32_t *random, bool *is_needed)
{
	double most = w->is_bulk ? BULK_MAX : one_in(random, 3) ? LARGE_MAX : SMALL_MAX;
	uint64_t size = (uint64_t)between(random, 10, most);
	uint32_t refs[WORLD_REFS], at = (uint32_t)w->path_count;
	size_t count = 0;

	for (uint32_t i = at; i-- > 0 && count < WORLD_REFS;) {
		if (is_needed[i] && !one_in(random, 3))
			continue;
		is_needed[i] = true;
		refs[count++] = i;
	}
	if (w->is_bulk)
		world_add_bulk(w, k, (const uint64_t[]){ 4 * size, size, size + 6 }, refs,
			       count);
	else
		world_add_path(w, k, size, refs, count);
}

static void random_changes(struct fetch_world *w, uint32_t *random)
{
	double at = 0;

	w->change_count = one_in(random, 2) ? below(random, WORLD_CHANGES) : 0;
	for (size_t i = 0; i < w->change_count; i++) {
		at += between(random, 1, 20000);
		w->changes[i] = (struct net_change){
			.at_ms = at,
			.cache = below(random, (uint32_t)w->cache_count),
			.mode = one_in(random, 2)
					? NET_UP
					: (enum net_mode)below(random, NET_BUSY + 1),
		};
	}
}

void world_random(struct fetch_world *w, const struct goods_keys *k, uint32_t seed,
		  bool is_bulk)
{
	uint32_t random = seed * 2654435761U | 1;
	bool is_needed[PATHS_MAX] = { false };
	size_t caches, paths;

	for (int i = 0; i < 8; i++)
		any(&random);
	caches = 1 + below(&random, 5);
	paths = 1 + below(&random, PATHS_MAX);
	world_init(w, seed, caches, paths);
	w->is_bulk = is_bulk;
	w->link = one_in(&random, 2) ? 0 : between(&random, 1e5, 1e8);
	w->slots = 1 + below(&random, 16);
	w->connections = w->slots + below(&random, 32);
	w->no_race = one_in(&random, 2);
	w->stops_at_first = one_in(&random, 8);
	w->retry_for_ms = one_in(&random, 8) ? 60000 : 0;
	w->killed_at_ms = one_in(&random, 4) ? between(&random, 50, 20000) : 0;
	if (is_bulk) /* the pool keeps nothing for a second run */
		w->killed_at_ms = 0;
	for (size_t i = 0; i < caches; i++)
		random_cache(&w->caches[i], &random);
	for (size_t i = 0; i < paths; i++)
		random_path(w, k, &random, is_needed);
	for (size_t i = 0; i < caches; i++) {
		bool lies = one_in(&random, 3);

		for (size_t p = 0; p < paths; p++)
			random_offer(world_offer(w, i, p), &random, lies,
				     w->paths[p].goods.info.nar_size);
	}
	w->paths[paths - 1].is_target = true;
	for (size_t i = 0; i < paths; i++)
		w->paths[i].is_target |= one_in(&random, 10);
	random_changes(w, &random);
}
