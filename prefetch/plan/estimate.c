#include "plan/estimate.h"

static double seconds_for(const struct estimate_cache *c, uint64_t more)
{
	return ((double)c->bytes + (double)more) / (double)c->throughput +
	       c->latency_us / 1e6;
}

static bool is_better(const struct estimate_cache *caches, const struct estimate_offer *a,
		      const struct estimate_offer *b)
{
	const struct estimate_cache *x = &caches[a->cache], *y = &caches[b->cache];
	double x_done, y_done;

	if (x->local != y->local)
		return x->local ? x->priority <= y->priority : x->priority < y->priority;
	if (!x->local && x->throughput && y->throughput) {
		x_done = seconds_for(x, a->bytes);
		y_done = seconds_for(y, b->bytes);
		if (x_done < y_done || x_done > y_done)
			return x_done < y_done;
	}
	if (x->priority != y->priority)
		return x->priority < y->priority;
	return a->cache < b->cache;
}

size_t estimate_take(struct estimate_cache *caches, const struct estimate_offer *offers,
		     size_t count)
{
	struct estimate_cache *c;
	size_t best = 0;

	for (size_t i = 1; i < count; i++)
		if (is_better(caches, &offers[i], &offers[best]))
			best = i;
	c = &caches[offers[best].cache];
	if (__builtin_add_overflow(c->bytes, offers[best].bytes, &c->bytes))
		c->bytes = UINT64_MAX;
	return best;
}

uint64_t estimate_race(const struct estimate_cache *caches,
		       const struct estimate_offer *offers, size_t count, size_t taken)
{
	uint64_t first = 0, second = 0;
	size_t racers = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t bytes = offers[i].bytes;

		if (caches[offers[i].cache].local)
			continue;
		racers++;
		second = bytes > first ? first : bytes > second ? bytes : second;
		first = bytes > first ? bytes : first;
	}
	/* A file on this machine is not raced. */
	if (racers < 2 || caches[offers[taken].cache].local)
		return 0;
	return first + second - offers[taken].bytes;
}

bool estimate_seconds(const struct estimate_cache *caches, size_t count, double *ret)
{
	bool any = false;

	*ret = 0;
	for (size_t i = 0; i < count; i++) {
		const struct estimate_cache *c = &caches[i];
		double seconds;

		if (c->local || !c->bytes)
			continue;
		if (!c->throughput)
			return false;
		seconds = seconds_for(c, 0);
		*ret = seconds > *ret ? seconds : *ret;
		any = true;
	}
	return any;
}
