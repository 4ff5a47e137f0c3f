#include "cmd/plan_sums.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void plan_sums_release(struct plan_sums *s)
{
	for (size_t i = 0; i < s->cache_count; i++)
		free(s->caches[i].by);
	free(s->caches);
	free(s->speeds);
	free(s->fetches);
	free(s->sources);
	*s = (struct plan_sums){ 0 };
}

static void count_nodes(struct plan_sums *s, const struct plan *p)
{
	size_t cap = 0;

	for (uint32_t id = 0; id < missing_count(p->missing); id++) {
		const struct missing_node *node = missing_node(p->missing, id);
		const struct resolver_node *n = query_node(p->query, id);

		s->here += node->state == MISSING_VALID || node->state == MISSING_READ;
		if (!node->substitute)
			continue;
		if (n && n->here) {
			s->pool++;
			s->pool_nar += node->nar_size;
			continue;
		}
		MEM_GROW(s->fetches, s->fetch_count, cap);
		s->fetches[s->fetch_count++] =
			(struct plan_fetch){ .node = node, .id = id };
		s->fetch_nar += node->nar_size;
	}
}

static int larger_first(const void *a, const void *b)
{
	const struct missing_node *x = ((const struct plan_fetch *)a)->node;
	const struct missing_node *y = ((const struct plan_fetch *)b)->node;

	if (x->nar_size != y->nar_size)
		return x->nar_size < y->nar_size ? 1 : -1;
	return strcmp(x->base, y->base);
}

static void recall_speeds(struct plan_sums *s, const struct plan *p)
{
	for (size_t i = 0; i < s->cache_count; i++) {
		const struct fetch_cache_stats *c = &query_result(p->query)->caches[i];
		const struct profile_entry *known = profile_find(p->profile, c->url);

		s->speeds[i] = (struct estimate_cache){
			.local = c->local,
			.priority = c->priority,
			.throughput = known ? known->throughput : 0,
			.latency_us = known ? known->latency_us : 0,
		};
	}
}

static void add_name(struct plan_cache *c, const char *by)
{
	for (size_t i = 0; i < c->by_count; i++)
		if (c->by[i] == by)
			return;
	MEM_GROW(c->by, c->by_count, c->by_cap);
	c->by[c->by_count++] = by;
}

static void take_source(struct plan_sums *s, struct plan_fetch *f,
			const struct resolver_node *n)
{
	struct estimate_offer offers[FETCH_SUBSTITUTERS_MAX];
	const struct resolver_source *sources[FETCH_SUBSTITUTERS_MAX];
	struct plan_cache *c;
	size_t count = 0;

	for (const struct resolver_source *from = n ? n->sources : NULL;
	     from && count < ARRAY_SIZE(offers); from = from->next) {
		offers[count] = (struct estimate_offer){ from->cache, from->file_size };
		sources[count++] = from;
	}
	if (count == 0)
		return;
	f->source = sources[estimate_take(s->speeds, offers, count)];
	s->sources[f->id] = f->source;
	s->download += f->source->file_size;
	s->unsized += f->source->file_size == 0;
	c = &s->caches[f->source->cache];
	c->paths++;
	c->download += f->source->file_size;
	c->nar += f->node->nar_size;
	add_name(c, f->source->by);
}

void plan_sums_init(struct plan_sums *s, const struct plan *p)
{
	*s = (struct plan_sums){ .cache_count = query_result(p->query)->cache_count };
	s->caches = mem_calloc(s->cache_count, sizeof(*s->caches));
	s->speeds = mem_calloc(s->cache_count, sizeof(*s->speeds));
	s->sources = mem_calloc(missing_count(p->missing), sizeof(*s->sources));
	count_nodes(s, p);
	if (s->fetch_count)
		qsort(s->fetches, s->fetch_count, sizeof(*s->fetches), larger_first);
	recall_speeds(s, p);
	for (size_t i = 0; i < s->fetch_count; i++)
		take_source(s, &s->fetches[i], query_node(p->query, s->fetches[i].id));
}
