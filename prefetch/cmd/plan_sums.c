#include "cmd/plan_sums.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void plan_sums_release(struct plan_sums *s)
{
	for (size_t i = 0; i < s->cache_count; i++)
		free(s->caches[i].vouchers);
	free(s->caches);
	free(s->speeds);
	free(s->fetches);
	free(s->offers);
	*s = (struct plan_sums){ 0 };
}

static void count_nodes(struct plan_sums *s, const struct plan *p)
{
	s->fetches =
		mem_calloc(planner_totals(p->planner).substitute, sizeof(*s->fetches));
	for (uint32_t id = 0; id < planner_count(p->planner); id++) {
		const struct planner_node *node = planner_node(p->planner, id);
		const struct resolver_node *n = query_node(p->query, id);

		bool is_valid =
			node->state == PLANNER_VALID || node->state == PLANNER_READ;
		bool is_wanted = node->here || node->is_wanted;

		s->here += is_valid && is_wanted;
		s->derivations += node->state == PLANNER_READ && !is_wanted;
		if (!node->substitute)
			continue;
		if (n && n->here) {
			s->pool++;
			s->pool_nar += node->nar_size;
			continue;
		}
		s->fetches[s->fetch_count++] = id;
		s->fetch_nar += node->nar_size;
	}
}

static int larger_first(const void *a, const void *b, void *missing)
{
	const struct planner_node *x = planner_node(missing, *(const uint32_t *)a);
	const struct planner_node *y = planner_node(missing, *(const uint32_t *)b);

	if (x->nar_size != y->nar_size)
		return x->nar_size < y->nar_size ? 1 : -1;
	return strcmp(x->base, y->base);
}

static void recall_speeds(struct plan_sums *s, const struct plan *p)
{
	for (size_t i = 0; i < s->cache_count; i++) {
		const struct fetch_cache_stats *c = &query_result(p->query)->caches[i];
		const struct history_entry *known = history_find(p->history, c->url);

		s->speeds[i] = (struct estimate_cache){
			.local = c->local,
			.priority = c->priority,
			.throughput = known ? known->throughput : 0,
			.latency_us = known ? known->latency_us : 0,
		};
	}
}

static void add_name(struct plan_cache *c, const char *voucher)
{
	for (size_t i = 0; i < c->voucher_count; i++)
		if (c->vouchers[i] == voucher)
			return;
	MEM_GROW(c->vouchers, c->voucher_count, c->voucher_cap);
	c->vouchers[c->voucher_count++] = voucher;
}

/* If a cache does not report the size of its file, use that of the NAR. */
static uint64_t race_of(const struct plan_sums *s, const struct resolver_node *n,
			const struct estimate_offer *offers, size_t count, size_t taken)
{
	struct estimate_offer sized[SUBSTITUTER_LIST_MAX];

	for (size_t i = 0; i < count; i++) {
		sized[i] = offers[i];
		if (!sized[i].bytes)
			sized[i].bytes = n->nar_size;
	}
	return estimate_race(s->speeds, sized, count, taken);
}

static void take_offer(struct plan_sums *s, const struct plan *p, uint32_t id)
{
	const struct resolver_node *n = query_node(p->query, id);
	struct estimate_offer offers[SUBSTITUTER_LIST_MAX];
	const struct resolver_offer *served[SUBSTITUTER_LIST_MAX];
	const struct resolver_offer *taken;
	struct plan_cache *c;
	size_t count = 0, best;

	for (const struct resolver_offer *from = n ? n->offers : NULL;
	     from && count < ARRAY_SIZE(offers); from = from->next) {
		offers[count] = (struct estimate_offer){ from->cache, from->file_size };
		served[count++] = from;
	}
	if (count == 0)
		return;
	best = estimate_take(s->speeds, offers, count);
	taken = s->offers[id] = served[best];
	if (!p->no_race)
		s->race += race_of(s, n, offers, count, best);
	s->download += taken->file_size;
	s->unsized += taken->file_size == 0 && !s->speeds[taken->cache].local;
	c = &s->caches[taken->cache];
	c->paths++;
	c->download += taken->file_size;
	c->nar += n->nar_size;
	add_name(c, taken->vouched_by);
}

void plan_sums_init(struct plan_sums *s, const struct plan *p)
{
	*s = (struct plan_sums){ .cache_count = query_result(p->query)->cache_count };
	s->caches = mem_calloc(s->cache_count, sizeof(*s->caches));
	s->speeds = mem_calloc(s->cache_count, sizeof(*s->speeds));
	s->offers = mem_calloc(planner_count(p->planner), sizeof(*s->offers));
	count_nodes(s, p);
	if (s->fetch_count)
		qsort_r(s->fetches, s->fetch_count, sizeof(*s->fetches), larger_first,
			(void *)p->planner);
	recall_speeds(s, p);
	for (size_t i = 0; i < s->fetch_count; i++)
		take_offer(s, p, s->fetches[i]);
}
