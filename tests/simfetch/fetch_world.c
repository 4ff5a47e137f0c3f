#include "fetch_world.h"

#include <stdlib.h>

#include "base/mem.h"

/* Answers for which a cache may not be blamed. */
#define INFO_HONEST                                                                      \
	(INFO_UNSIGNED | INFO_UNKNOWN_KEY | INFO_NO_SIZE | INFO_NO_HASH |                \
	 INFO_WRONG_SIZE | INFO_OTHER_CODEC)
#define INFO_USELESS                                                                     \
	(INFO_UNSIGNED | INFO_UNKNOWN_KEY | INFO_FORGED | INFO_GARBAGE | INFO_OTHER_PATH)

#define TICK_MS 50

void world_init(struct fetch_world *w, uint32_t seed, size_t caches, size_t paths)
{
	*w = (struct fetch_world){ .seed = seed,
				   .tick_ms = TICK_MS,
				   .cache_count = caches };
	w->paths = mem_calloc(paths, sizeof(*w->paths));
	w->offers = mem_calloc(paths * caches, sizeof(*w->offers));
	for (size_t i = 0; i < caches; i++)
		w->caches[i] = (struct net_cache){ .priority = 40,
						   .latency_ms = 20,
						   .rate = 1e7 };
}

static struct world_path *begin_path(struct fetch_world *w, const uint32_t *refs,
				     size_t ref_count, const struct goods **goods)
{
	struct world_path *p = &w->paths[w->path_count];

	for (size_t i = 0; i < ref_count; i++) {
		p->refs[i] = refs[i];
		goods[i] = &w->paths[refs[i]].goods;
	}
	p->ref_count = ref_count;
	for (size_t i = 0; i < w->cache_count; i++)
		*world_offer(w, i, w->path_count) =
			(struct net_offer){ .is_there = true, .encoding = GOODS_ZSTD };
	return p;
}

void world_add_path(struct fetch_world *w, const struct goods_keys *k, size_t size,
		    const uint32_t *refs, size_t ref_count)
{
	const struct goods *goods[WORLD_REFS];
	struct world_path *p = begin_path(w, refs, ref_count, goods);

	goods_make(&p->goods, k, w->seed * 1000 + (uint32_t)w->path_count++, size, goods,
		   ref_count);
}

void world_add_bulk(struct fetch_world *w, const struct goods_keys *k,
		    const uint64_t sizes[GOODS_ENCODINGS], const uint32_t *refs,
		    size_t ref_count)
{
	const struct goods *goods[WORLD_REFS];
	struct world_path *p = begin_path(w, refs, ref_count, goods);

	goods_make_bulk(&p->goods, k, w->seed * 1000 + (uint32_t)w->path_count++, sizes,
			goods, ref_count);
}

struct net_offer *world_offer(const struct fetch_world *w, size_t cache, size_t path)
{
	return &w->offers[path * w->cache_count + cache];
}

uint64_t world_file_size(const struct fetch_world *w, size_t cache, size_t path)
{
	return goods_file(&w->paths[path].goods, world_offer(w, cache, path)->encoding)
		->size;
}

void world_chain(struct fetch_world *w, const struct goods_keys *k, size_t caches,
		 size_t count, size_t size)
{
	world_init(w, 1, caches, count);
	w->slots = 16;
	w->connections = 32;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t before = i - 1;

		world_add_path(w, k, size, &before, i ? 1 : 0);
	}
	w->paths[count - 1].is_target = true;
}

void world_set_faults(struct fetch_world *w, size_t cache, unsigned info, unsigned nar)
{
	for (size_t i = 0; i < w->path_count; i++) {
		struct net_offer *o = world_offer(w, cache, i);

		o->info_faults = info;
		o->nar_faults = nar;
		o->lies_end = UINT64_MAX;
	}
}

void world_set_rates(struct fetch_world *w, double rate)
{
	for (size_t i = 0; i < w->cache_count; i++)
		w->caches[i].rate = rate;
}

void world_add_change(struct fetch_world *w, double at_ms, uint32_t cache,
		      enum net_mode mode)
{
	w->changes[w->change_count++] = (struct net_change){ at_ms, cache, mode, 0 };
}

void world_release(struct fetch_world *w)
{
	for (size_t i = 0; i < w->path_count; i++)
		goods_release(&w->paths[i].goods);
	free(w->paths);
	free(w->offers);
}

bool world_is_reliable(const struct fetch_world *w, size_t cache)
{
	const struct net_cache *c = &w->caches[cache];

	for (size_t i = 0; i < w->change_count; i++)
		if (w->changes[i].cache == cache && w->changes[i].mode != NET_UP)
			return false;
	return c->mode == NET_UP && c->info <= NET_INFO_ABSENT && c->breaks <= 0 &&
	       c->stalls <= 0 && c->errors <= 0;
}

static bool is_honest_offer(const struct net_offer *o)
{
	return !o->is_there || (!(o->info_faults & ~INFO_HONEST) &&
				!(o->nar_faults & ~(NAR_GONE | NAR_MOVED)));
}

bool world_is_honest(const struct fetch_world *w, size_t cache)
{
	for (size_t i = 0; i < w->path_count; i++)
		if (!is_honest_offer(world_offer(w, cache, i)))
			return false;
	return w->caches[cache].info <= NET_INFO_ABSENT;
}

bool world_is_vouched(const struct net_offer *o)
{
	return o->is_there && !(o->info_faults & INFO_USELESS);
}

bool world_is_good(const struct net_offer *o)
{
	return world_is_vouched(o) && !(o->nar_faults & ~NAR_MOVED);
}
