#include "bulk_plan.h"

#include <math.h>
#include <string.h>

#define SEED	    1
#define SLOTS	    16
#define CONNECTIONS 96
#define TICK_MS	    100

struct planner_of_bulk {
	const struct bulk_plan *plan;
	struct fetch_world *w;
	const struct goods_keys *keys;
	const struct plan_caches *group_of[WORLD_CACHES];
	uint32_t random;
};

static uint32_t any_number(struct planner_of_bulk *b)
{
	b->random ^= b->random << 13;
	b->random ^= b->random >> 17;
	b->random ^= b->random << 5;
	return b->random;
}

/* Logarithmic: as many from 1 to 10 as from 10 to 100. */
static double between(struct planner_of_bulk *b, double least, double most)
{
	if (most <= least)
		return least;
	return least * pow(most / least, (double)any_number(b) / UINT32_MAX);
}

static size_t count_caches(const struct bulk_plan *plan)
{
	size_t count = 0;

	for (size_t i = 0; i < PLAN_GROUPS; i++)
		count += plan->caches[i].count;
	return count;
}

static size_t count_files(const struct bulk_plan *plan)
{
	size_t count = 0;

	for (size_t i = 0; i < PLAN_GROUPS; i++)
		count += plan->files[i].count;
	return count;
}

static void add_caches(struct planner_of_bulk *b)
{
	size_t at = 0;

	for (size_t i = 0; i < PLAN_GROUPS; i++)
		for (unsigned k = 0; k < b->plan->caches[i].count; k++) {
			b->group_of[at] = &b->plan->caches[i];
			b->w->caches[at++] = b->plan->caches[i].like;
		}
}

static void offer(struct planner_of_bulk *b, const struct plan_files *files, size_t path)
{
	for (size_t i = 0; i < b->w->cache_count; i++) {
		const struct plan_caches *c = b->group_of[i];
		bool is_lost = any_number(b) % 100 < c->absent;

		*world_offer(b->w, i, path) = (struct net_offer){
			.is_there = !files->groups ||
				    files->groups >> (c - b->plan->caches) & 1,
			.encoding = c->encoding ? c->encoding : GOODS_ZSTD,
			.nar_faults = c->nar_faults | (is_lost ? NAR_GONE : 0),
		};
	}
}

static void add_file(struct planner_of_bulk *b, const struct plan_files *files,
		     unsigned number)
{
	uint64_t size =
		(uint64_t)between(b, (double)files->size, (double)files->size_max);
	unsigned percent = b->plan->percent ? b->plan->percent : 100;
	const uint64_t sizes[GOODS_ENCODINGS] = {
		[GOODS_PLAIN] = 4 * size,
		[GOODS_ZSTD] = size,
		[GOODS_ZSTD_BEST] = size * percent / 100,
	};
	size_t path = b->w->path_count;
	uint32_t before = (uint32_t)(path - files->chains);
	bool refers = files->chains && number >= files->chains;
	struct world_path *p = &b->w->paths[path];

	world_add_bulk(b->w, b->keys, sizes, &before, refers);
	p->is_target = !files->chains || number + files->chains >= files->count;
	p->present = files->present;
	p->is_spoilt = files->is_spoilt;
	offer(b, files, path);
}

void bulk_plan_make(const struct bulk_plan *plan, struct fetch_world *w,
		    const struct goods_keys *k)
{
	struct planner_of_bulk b = { .plan = plan, .w = w, .keys = k, .random = SEED };

	world_init(w, SEED, count_caches(plan), count_files(plan));
	w->is_bulk = w->is_steady = true;
	w->slots = SLOTS;
	w->connections = plan->connections ? plan->connections : CONNECTIONS;
	w->tick_ms = plan->tick_ms > 0 ? plan->tick_ms : TICK_MS;
	w->link = plan->link;
	w->limit_rate = plan->link_is_told ? (uint64_t)plan->link : 0;
	w->retry_for_ms = plan->retry_for_ms;
	w->change_count = plan->change_count;
	memcpy(w->changes, plan->changes, sizeof(w->changes));
	add_caches(&b);
	for (size_t i = 0; i < PLAN_GROUPS; i++)
		for (unsigned n = 0; n < plan->files[i].count; n++)
			add_file(&b, &plan->files[i], n);
}
