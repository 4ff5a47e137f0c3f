#include "plan/planner_roots.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* The nodes among those to be built, fetched or unknown that each node needs: those of
 * node ID are needs[first[ID]] to needs[first[ID + 1]]. */
struct graph {
	const struct planner *m;
	uint32_t *needs;
	size_t *first;
	size_t len, cap;
	uint32_t *indegree;
	uint32_t *order; /* each node after those that it needs */
	uint32_t order_len;
};

/* A root's bit is set in the mask of each node that needs it. */
#define BATCH 64

static bool is_gap(const struct planner_node *node)
{
	return node->build || node->unknown;
}

static bool is_planned(const struct planner_node *node)
{
	return is_gap(node) || node->substitute;
}

static void add_need(struct graph *g, uint32_t from, uint32_t to)
{
	if (to == from || to == PLANNER_NONE || !is_planned(planner_node(g->m, to)))
		return;
	MEM_GROW(g->needs, g->len, g->cap);
	g->needs[g->len++] = to;
	g->indegree[to]++;
}

static void add_input(struct graph *g, uint32_t from, uint32_t input)
{
	const struct planner_node *drv = planner_node(g->m, input);

	add_need(g, from, input);
	if (drv->build || !drv->drv)
		return;
	for (size_t i = 0; i < drv->drv->noutputs; i++)
		add_need(g, from, drv->drv->outputs[i].node);
}

static void add_needs(struct graph *g, uint32_t id)
{
	const struct planner_node *node = planner_node(g->m, id);

	for (size_t i = 0; node->build && i < node->drv->ninputs; i++)
		if (node->drv->inputs[i].outputs)
			add_input(g, id, node->drv->inputs[i].node);
	for (uint32_t i = 0; node->substitute && i < node->nrefs; i++)
		add_need(g, id, node->refs[i]);
}

static void graph_release(struct graph *g)
{
	free(g->needs);
	free(g->first);
	free(g->indegree);
	free(g->order);
}

static void graph_init(struct graph *g, const struct planner *m)
{
	uint32_t count = planner_count(m);

	*g = (struct graph){ .m = m, .cap = 1 };
	g->needs = mem_calloc(g->cap, sizeof(*g->needs));
	g->first = mem_calloc((size_t)count + 1, sizeof(*g->first));
	g->indegree = mem_calloc(count, sizeof(*g->indegree));
	g->order = mem_calloc(count, sizeof(*g->order));
	for (uint32_t id = 0; id < count; id++) {
		add_needs(g, id);
		g->first[id + 1] = g->len;
	}
}

/* Depth first, with an explicit stack. A cache's inventions may need each other in a
 * circle, which is not followed. */
static void visit(struct graph *g, uint32_t start, uint32_t *stack, size_t *next)
{
	size_t depth = 0;

	stack[depth++] = start;
	next[start] = g->first[start] + 1;
	while (depth) {
		uint32_t id = stack[depth - 1], to;

		if (next[id] > g->first[id + 1]) {
			g->order[g->order_len++] = id;
			depth--;
			continue;
		}
		to = g->needs[next[id]++ - 1];
		if (next[to])
			continue;
		next[to] = g->first[to] + 1;
		stack[depth++] = to;
	}
}

static void sort_nodes(struct graph *g)
{
	uint32_t count = planner_count(g->m);
	AUTO_FREE uint32_t *stack = mem_calloc(count, sizeof(*stack));
	/* One more than the index in needs; 0: not visited. */
	AUTO_FREE size_t *next = mem_calloc(count, sizeof(*next));

	for (uint32_t id = 0; id < count; id++)
		if (!next[id] && is_planned(planner_node(g->m, id)))
			visit(g, id, stack, next);
}

static bool needs_gap(const struct graph *g, uint32_t id, const bool *above_gap)
{
	for (size_t i = g->first[id]; i < g->first[id + 1]; i++)
		if (above_gap[g->needs[i]] || is_gap(planner_node(g->m, g->needs[i])))
			return true;
	return false;
}

static void find_roots(struct planner_roots *r, const struct graph *g)
{
	AUTO_FREE bool *above_gap = mem_calloc(planner_count(g->m), sizeof(*above_gap));
	size_t cap = 0;

	for (uint32_t at = 0; at < g->order_len; at++) {
		uint32_t id = g->order[at];

		above_gap[id] = needs_gap(g, id, above_gap);
		if (above_gap[id] || !is_gap(planner_node(g->m, id)))
			continue;
		MEM_GROW(r->list, r->count, cap);
		/* Before counting, this marks what is worth counting. */
		r->list[r->count++] = (struct planner_root){ id, g->indegree[id] };
	}
}

static void count_batch(struct planner_root *roots, size_t n, const struct graph *g,
			uint64_t *masks)
{
	memset(masks, 0, planner_count(g->m) * sizeof(*masks));
	for (size_t i = 0; i < n; i++) {
		masks[roots[i].id] = (uint64_t)1 << i;
		roots[i].dependents = 0;
	}
	for (uint32_t at = 0; at < g->order_len; at++) {
		uint32_t id = g->order[at];
		const struct planner_node *node = planner_node(g->m, id);
		uint64_t below = 0;

		for (size_t i = g->first[id]; i < g->first[id + 1]; i++)
			below |= masks[g->needs[i]];
		masks[id] |= below;
		if (!node->build && !node->substitute)
			continue;
		for (; below; below &= below - 1)
			roots[__builtin_ctzll(below)].dependents++;
	}
}

static int more_dependents_first(const void *a, const void *b)
{
	const struct planner_root *x = a, *y = b;

	if (x->dependents != y->dependents)
		return x->dependents < y->dependents ? 1 : -1;
	return (x->id > y->id) - (x->id < y->id);
}

static void sort_roots(struct planner_root *list, size_t count)
{
	if (count)
		qsort(list, count, sizeof(*list), more_dependents_first);
}

static void count_dependents(struct planner_roots *r, const struct graph *g)
{
	AUTO_FREE uint64_t *masks = mem_calloc(planner_count(g->m), sizeof(*masks));

	r->counted = r->count < PLANNER_ROOTS_COUNTED ? r->count : PLANNER_ROOTS_COUNTED;
	for (size_t i = 0; i < r->counted; i += BATCH) {
		size_t left = r->counted - i;

		count_batch(r->list + i, left < BATCH ? left : BATCH, g, masks);
	}
	for (size_t i = r->counted; i < r->count; i++)
		r->list[i].dependents = 0;
}

void planner_roots_find(struct planner_roots *ret, const struct planner *m)
{
	AUTO(graph_release) struct graph g = { 0 };

	*ret = (struct planner_roots){ 0 };
	graph_init(&g, m);
	sort_nodes(&g);
	find_roots(ret, &g);
	sort_roots(ret->list, ret->count);
	count_dependents(ret, &g);
	sort_roots(ret->list, ret->counted);
}

void planner_roots_release(struct planner_roots *r)
{
	free(r->list);
	*r = (struct planner_roots){ 0 };
}
