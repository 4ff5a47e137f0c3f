#include "world.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define KIB 1024ULL
#define MIB (1024 * KIB)

struct maker {
	struct sim_world *w;
	uint32_t random;
	size_t cache_cap, node_cap, source_cap, present_cap;
	const struct world_caches **group_of; /* a cache */
};

static uint32_t any(struct maker *m)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 17;
	m->random ^= m->random << 5;
	return m->random;
}

static uint32_t below(struct maker *m, uint32_t limit)
{
	return any(m) % limit;
}

static bool one_in(struct maker *m, uint32_t n)
{
	return below(m, n) == 0;
}

/* By the logarithm: as many from 1 to 10 as from 10 to 100. */
static double between(struct maker *m, double least, double most)
{
	if (most <= least)
		return least;
	return least * pow(most / least, (double)any(m) / UINT32_MAX);
}

/* ---- by a table ---- */

static void add_cache(struct maker *m, const struct world_caches *group)
{
	struct sim_world *w = m->w;
	struct sim_cache *c;

	m->group_of[w->cache_count] = group;
	MEM_GROW(w->caches, w->cache_count, m->cache_cap);
	c = &w->caches[w->cache_count++];
	*c = group->like;
	c->rate = between(m, c->rate, group->rate_max);
	c->latency_ms = between(m, c->latency_ms, group->latency_max);
}

static void add_source(struct maker *m, uint32_t cache, double size)
{
	const struct world_caches *group = m->group_of[cache];
	struct sim_world *w = m->w;
	struct sim_source *s;

	MEM_GROW(w->sources, w->source_count, m->source_cap);
	s = &w->sources[w->source_count++];
	*s = (struct sim_source){
		.cache = cache,
		.encoding = (uint16_t)(group->encoding + 1),
		.faults = group->faults,
		.size = (uint64_t)(size * (group->percent ? group->percent : 100) / 100),
	};
	if (below(m, 100) < group->absent)
		s->faults |= SIM_ABSENT;
	if (s->size == 0)
		s->size = 1;
}

static bool has_source(const struct sim_world *w, size_t from, uint32_t cache)
{
	for (; from < w->source_count; from++)
		if (w->sources[from].cache == cache)
			return true;
	return false;
}

static void add_sources(struct maker *m, const struct world_plan *plan,
			const struct world_files *files, double size)
{
	struct sim_world *w = m->w;
	size_t first = w->source_count;

	for (unsigned i = 0; i < files->spread; i++) {
		uint32_t cache = below(m, (uint32_t)w->cache_count);

		if (!has_source(w, first, cache))
			add_source(m, cache, size);
	}
	for (uint32_t c = 0; !files->spread && c < w->cache_count; c++) {
		unsigned group = (unsigned)(m->group_of[c] - plan->caches);

		if (!files->groups || files->groups >> group & 1)
			add_source(m, c, size);
	}
}

static void add_present(struct maker *m, const struct world_files *files,
			const struct sim_source *s)
{
	struct sim_world *w = m->w;

	MEM_GROW(w->present, w->present_count, m->present_cap);
	w->present[w->present_count++] = (struct sim_present){
		.node = (uint32_t)w->node_count - 1,
		.encoding = s->encoding,
		.is_wrong = files->is_spoilt,
		.end = files->present < s->size ? files->present : s->size,
	};
}

static void add_node(struct maker *m, const struct world_plan *plan,
		     const struct world_files *files, double arrives)
{
	double size = between(m, (double)files->size, (double)files->size_max);
	struct sim_world *w = m->w;
	struct sim_node *n;

	MEM_GROW(w->nodes, w->node_count, m->node_cap);
	n = &w->nodes[w->node_count++];
	*n = (struct sim_node){
		.source = w->source_count,
		.nar_size = (uint64_t)(4 * size),
		.arrives_ms = arrives,
		.store_first = files->store_first,
	};
	add_sources(m, plan, files, size);
	n->source_count = (uint32_t)(w->source_count - n->source);
	if (files->present)
		add_present(m, files, &w->sources[n->source]);
}

static int by_arrival(const void *a, const void *b)
{
	const struct sim_node *x = a, *y = b;

	if (x->arrives_ms != y->arrives_ms)
		return x->arrives_ms < y->arrives_ms ? -1 : 1;
	return (x->source > y->source) - (x->source < y->source);
}

static void add_files(struct maker *m, const struct world_plan *plan)
{
	for (unsigned i = 0; i < WORLD_GROUPS; i++)
		for (unsigned k = 0; k < plan->files[i].count; k++)
			add_node(m, plan, &plan->files[i], k * plan->files[i].every_ms);
	/* What is present is told by numbers, and then all arrive at once. */
	if (m->w->present_count == 0)
		qsort(m->w->nodes, m->w->node_count, sizeof(*m->w->nodes), by_arrival);
}

static void add_changes(struct sim_world *w, const struct sim_change *changes,
			size_t count)
{
	w->change_count = count;
	w->changes = mem_dup(changes, count * sizeof(*changes));
}

void world_make(struct sim_world *ret, const struct world_plan *plan, uint32_t seed)
{
	struct maker m = { .w = ret, .random = seed | 1 };
	unsigned slots = plan->slots ? plan->slots : 16;
	size_t caches = 0;

	*ret = (struct sim_world){
		.seed = seed,
		.slots = slots,
		.slots_per_cache = plan->slots_per_cache ? plan->slots_per_cache : slots,
		.local_slots = 4,
		.part_min = 64 * KIB,
		.link = plan->link,
		.link_is_told = plan->link_is_told,
		.connect_timeout_ms = 5000,
		.retry_for_ms = plan->retry_for_ms,
		.stall_timeout_ms =
			plan->stall_timeout_ms > 0 ? plan->stall_timeout_ms : 30000,
		.has_lookups = plan->has_lookups,
	};
	for (unsigned i = 0; i < WORLD_GROUPS; i++)
		caches += plan->caches[i].count;
	m.group_of = mem_calloc(caches, sizeof(*m.group_of));
	for (unsigned i = 0; i < WORLD_GROUPS; i++)
		for (unsigned k = 0; k < plan->caches[i].count; k++)
			add_cache(&m, &plan->caches[i]);
	add_files(&m, plan);
	add_changes(ret, plan->changes, plan->change_count);
	free(m.group_of);
}

/* ---- by chance ---- */

static double chance(struct maker *m)
{
	return one_in(m, 4) ? between(m, 1, 60) : 0;
}

static void random_cache(struct maker *m)
{
	struct sim_world *w = m->w;
	struct sim_cache *c;

	MEM_GROW(w->caches, w->cache_count, m->cache_cap);
	c = &w->caches[w->cache_count++];
	*c = (struct sim_cache){
		.priority = (int)below(m, 3),
		.local = one_in(m, 6),
		.is_known = one_in(m, 2),
		.no_range = one_in(m, 4),
		.latency_ms = between(m, 0.2, 500),
		.rate = one_in(m, 5) ? 0 : between(m, 1e4, 1e8),
		.connection_rate = one_in(m, 2) ? 0 : between(m, 1e4, 1e7),
		.mode = one_in(m, 6) ? (enum sim_mode)below(m, SIM_BUSY + 1) : SIM_UP,
		.retry_after_s = one_in(m, 2) ? (int)below(m, 20) : 0,
		.breaks = chance(m),
		.stalls = chance(m) / 4,
		.errors = chance(m),
	};
}

static uint16_t random_faults(struct maker *m, bool local)
{
	static const uint16_t faults[] = { SIM_ABSENT, SIM_LIES, SIM_UNSIZED,
					   SIM_UNSIZED | SIM_LENGTHLESS, SIM_MISTELLS };

	return one_in(m, 4) ? faults[below(m, local ? 4 : 5)] : 0;
}

static void random_sources(struct maker *m, uint64_t size)
{
	struct sim_world *w = m->w;

	for (uint32_t c = 0; c < w->cache_count; c++) {
		uint16_t encoding = (uint16_t)(one_in(m, 4) ? below(m, 3) : 1);
		bool local = w->caches[c].local;

		if (one_in(m, 3))
			continue;
		MEM_GROW(w->sources, w->source_count, m->source_cap);
		w->sources[w->source_count++] = (struct sim_source){
			.cache = c,
			.encoding = encoding,
			.faults = random_faults(m, local),
			.size = size + (encoding == 1 ? 0 : encoding + 5ULL),
		};
	}
}

static void random_present(struct maker *m, const struct sim_source *s)
{
	struct sim_world *w = m->w;
	uint64_t from = 0;

	while (from < s->size && !one_in(m, 4)) {
		uint64_t end = from + 1 + (uint64_t)between(m, 1, (double)s->size);

		end = end < s->size ? end : s->size;
		MEM_GROW(w->present, w->present_count, m->present_cap);
		w->present[w->present_count++] = (struct sim_present){
			.node = (uint32_t)w->node_count - 1,
			.encoding = s->encoding,
			.is_wrong = one_in(m, 8),
			.from = from,
			.end = end,
		};
		from = end + 1 + (uint64_t)between(m, 1, (double)s->size);
	}
}

static void random_node(struct maker *m, double *arrives)
{
	uint64_t size = 1 + (uint64_t)between(m, 1, 2e7);
	struct sim_world *w = m->w;
	struct sim_node *n;

	*arrives += one_in(m, 2) ? 0 : between(m, 1, 2000);
	MEM_GROW(w->nodes, w->node_count, m->node_cap);
	n = &w->nodes[w->node_count++];
	*n = (struct sim_node){
		.source = w->source_count,
		.nar_size = 4 * size,
		.arrives_ms = *arrives,
	};
	random_sources(m, size);
	n->source_count = (uint32_t)(w->source_count - n->source);
	if (!n->source_count)
		return;
	n->store_first = w->caches[w->sources[n->source].cache].local && one_in(m, 2);
	if (one_in(m, 5) && w->sources[n->source].encoding)
		random_present(m, &w->sources[n->source]);
}

static void random_changes(struct maker *m)
{
	struct sim_change changes[WORLD_CHANGES];
	unsigned count = below(m, WORLD_CHANGES);
	double at = 0;

	for (unsigned i = 0; i < count; i++) {
		at += between(m, 1, 20000);
		changes[i] = (struct sim_change){
			.at_ms = at,
			.cache = below(m, (uint32_t)m->w->cache_count),
			.mode = one_in(m, 2) ? SIM_UP
					     : (enum sim_mode)below(m, SIM_BUSY + 1),
			.rate = one_in(m, 2) ? 0 : between(m, 1e4, 1e8),
		};
	}
	add_changes(m->w, changes, count);
}

void world_random(struct sim_world *ret, uint32_t seed)
{
	struct maker m = { .w = ret, .random = seed * 2654435761U | 1 };
	unsigned caches, nodes;
	double arrives = 0;

	for (int i = 0; i < 8; i++)
		any(&m);
	*ret = (struct sim_world){
		.seed = seed,
		.slots = 1 + below(&m, 8),
		.local_slots = 1 + below(&m, 3),
		.part_min = (uint64_t)between(&m, 1, 1e6),
		.link = one_in(&m, 2) ? 0 : between(&m, 1e5, 1e8),
		.link_is_told = one_in(&m, 2),
		.connect_timeout_ms = 5000,
		.stall_timeout_ms = 30000,
		.has_lookups = one_in(&m, 2),
	};
	ret->slots_per_cache = 1 + below(&m, ret->slots);
	caches = 1 + below(&m, 6);
	nodes = 1 + below(&m, 40);
	for (unsigned i = 0; i < caches; i++)
		random_cache(&m);
	for (unsigned i = 0; i < nodes; i++)
		random_node(&m, &arrives);
	random_changes(&m);
}

void world_release(struct sim_world *w)
{
	free(w->caches);
	free(w->nodes);
	free(w->sources);
	free(w->present);
	free(w->changes);
}
