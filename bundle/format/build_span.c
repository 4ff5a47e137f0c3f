#include "format/build_span.h"

#include "base/mem.h"

/* ---- the whole ---- */

struct edge {
	uint64_t at;
	enum build_span_kind kind;
	int step; /* 1 at the start of a span, -1 at its end */
};

static int by_time(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

static uint64_t at_most(uint64_t n, uint64_t max)
{
	return n < max ? n : max;
}

static uint64_t *share_of(struct build_account_times *t, const long *running)
{
	uint64_t *const shares[] = {
		[BUILD_SPAN_BUILD] = &t->building,
		[BUILD_SPAN_COPY] = &t->copying,
		[BUILD_SPAN_ASK] = &t->asking,
		[BUILD_SPAN_FAILED] = &t->failing,
	};

	for (size_t i = 0; i < ARRAY_SIZE(shares); i++)
		if (running[i])
			return shares[i];
	return &t->other;
}

void build_span_times(struct build_span *spans, size_t count, uint64_t total,
		      struct build_account_times *ret)
{
	AUTO_FREE struct edge *edges = mem_calloc(2 * count + 1, sizeof(*edges));
	long running[BUILD_SPAN_NOTHING + 1] = { 0 };
	uint64_t now = 0;

	*ret = (struct build_account_times){ .total = total };
	for (size_t i = 0; i < count; i++) {
		const struct build_span *s = &spans[i];

		edges[2 * i] = (struct edge){ at_most(s->from, total), s->kind, 1 };
		edges[2 * i + 1] = (struct edge){ at_most(s->to, total), s->kind, -1 };
	}
	qsort(edges, 2 * count, sizeof(*edges), by_time);
	for (size_t i = 0; i < 2 * count; i++) {
		*share_of(ret, running) += edges[i].at - now;
		now = edges[i].at;
		running[edges[i].kind] += edges[i].step;
	}
	ret->other += total - now;
}

/* ---- each cache ---- */

static int by_cache(const void *a, const void *b)
{
	const struct build_span *x = a, *y = b;

	if (x->kind != y->kind)
		return (x->kind > y->kind) - (x->kind < y->kind);
	if (x->cache != y->cache)
		return (x->cache > y->cache) - (x->cache < y->cache);
	return (x->from > y->from) - (x->from < y->from);
}

void build_span_caches(struct build_span *spans, size_t count, uint64_t total,
		       struct build_account_cache *caches)
{
	uint64_t seen = 0;

	if (count)
		qsort(spans, count, sizeof(*spans), by_cache);
	for (size_t i = 0; i < count; i++) {
		const struct build_span *s = &spans[i];
		uint64_t from, to = at_most(s->to, total);

		if (i == 0 || s[-1].kind != s->kind || s[-1].cache != s->cache)
			seen = 0;
		from = s->from > seen ? s->from : seen;
		if (to <= from)
			continue;
		seen = to;
		if (s->kind == BUILD_SPAN_COPY)
			caches[s->cache].busy_ms += to - from;
		else if (s->kind == BUILD_SPAN_FAILED)
			caches[s->cache].failed_ms += to - from;
	}
}
