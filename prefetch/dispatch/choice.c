/* Decides what to start next, and from which cache. Caches get as much work as keeps them
 * all busy until the same moment, within what each of them has. If there are more caches
 * than can be used at once, the fastest are used. */
#include "dispatch/state.h"

/* Concurrent parts of a cache of unknown speed. */
#define SAMPLE_PARTS 4
/* While a cache has nothing to start, a share of the slots is reserved for it to help. */
#define SPARE_SHARE 4

static bool may_start(const struct dispatch *d, const struct supplier *c)
{
	return !c->facts.local && offer_is_ready(d, c) &&
	       (speed_is_known(c) || c->active < SAMPLE_PARTS || d->usable < 2);
}

struct choice {
	const struct supplier *cache; /* or NULL */
	uint32_t offer;
	int64_t ms; /* until it has arrived */
};

static void consider(const struct dispatch *d, const struct supplier *c,
		     struct choice *best)
{
	uint32_t offer;

	if (!may_start(d, c) || c == best->cache)
		return;
	if (best->cache && !rank_comes_first(d, c, best->cache))
		return;
	offer = bins_largest(c, rank_most_bytes(d, c));
	if (offer != NONE)
		*best = (struct choice){ .cache = c, .offer = offer };
}

/* If everything left is too large to arrive in time, choose what arrives first. */
static void consider_late(const struct dispatch *d, const struct supplier *c,
			  struct choice *best)
{
	struct choice it = { .cache = c };

	if (!may_start(d, c))
		return;
	it.offer = bins_largest(c, UINT64_MAX);
	it.ms = speed_backlog_ms(d, c) +
		speed_ms(node_missing(d, it.offer), speed_of_cache(d, c));
	if (!best->cache || it.ms < best->ms)
		*best = it;
}

static uint32_t best_of_network(const struct dispatch *d)
{
	const struct ready *idle = &d->ready[0];
	struct choice best = { .offer = NONE };

	for (size_t i = 0; i < d->part_count; i++)
		if (d->parts[i].is_active)
			consider(d, &d->caches[d->parts[i].cache], &best);
	for (size_t i = 0; i < idle->len; i++) {
		consider(d, &d->caches[idle->ids[i]], &best);
		/* The first is the best, unless all that it has is too large. */
		if (i == 0 && best.cache == &d->caches[idle->ids[0]])
			break;
	}
	if (best.cache)
		return best.offer;
	for (size_t i = 0; i < d->part_count; i++)
		if (d->parts[i].is_active)
			consider_late(d, &d->caches[d->parts[i].cache], &best);
	for (size_t i = 0; i < idle->len; i++)
		consider_late(d, &d->caches[idle->ids[i]], &best);
	return best.offer;
}

static unsigned slots_to_start(const struct dispatch *d)
{
	bool may_help = d->usable > d->offering && !d->opts.no_race;

	return d->opts.slots - (may_help ? d->opts.slots / SPARE_SHARE : 0);
}

uint32_t choice_best(struct dispatch *d, unsigned where)
{
	const struct ready *local = &d->ready[1];

	if (where == 0)
		return d->active[0] < slots_to_start(d) ? best_of_network(d) : NONE;
	if (d->active[1] >= d->opts.local_slots || !local->len)
		return NONE;
	return bins_largest(&d->caches[local->ids[0]], UINT64_MAX);
}
