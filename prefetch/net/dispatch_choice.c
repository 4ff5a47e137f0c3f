/* From which cache what is started next: caches are kept busy for equally long, as far as
 * they have what is missing, so that all end together. */
#include "net/dispatch_state.h"

/* Times that differ by less are taken as equal; then the user's priorities decide. */
#define TIE_MS 100
/* Parts at once from a cache of which it is not known how fast it is. */
#define SAMPLE_PARTS 4
/* A share of the slots is left for what may be taken from slow parts. */
#define SPARE_SHARE 4
/* What takes less is not worth asking whether it would come sooner from elsewhere. */
#define LITTLE_MS 1000

static int64_t tie_class(int64_t ms)
{
	return ms / TIE_MS;
}

bool choice_comes_first(const struct dispatch *d, const struct cache *a,
			const struct cache *b)
{
	int64_t x, y;

	if (!a->facts.local) {
		x = tie_class(speed_backlog_ms(d, a));
		y = tie_class(speed_backlog_ms(d, b));
		if (x != y)
			return x < y;
	}
	if (a->facts.priority != b->facts.priority)
		return a->facts.priority < b->facts.priority;
	if (a->active != b->active)
		return a->active < b->active;
	return a->meter.rate > b->meter.rate;
}

/* What the cache should bring: nothing that all others together would be done before. */
static uint64_t most_bytes(const struct dispatch *d, const struct cache *c)
{
	int64_t ms = speed_all_ms(d);
	uint64_t rate = speed_of_cache(d, c);

	if (d->usable < 2)
		return UINT64_MAX;
	if (ms < LITTLE_MS)
		ms = LITTLE_MS;
	return (uint64_t)ms < UINT64_MAX / rate ? rate * (uint64_t)ms / 1000 : UINT64_MAX;
}

static bool may_start(const struct dispatch *d, const struct cache *c)
{
	return offer_is_ready(d, c) &&
	       (speed_is_known(c) || c->active < SAMPLE_PARTS || d->usable < 2);
}

struct choice {
	const struct cache *cache; /* NULL: none */
	uint32_t source;
};

static void consider(const struct dispatch *d, const struct cache *c, struct choice *best)
{
	uint32_t source;

	if (!may_start(d, c) || c == best->cache)
		return;
	if (best->cache && !choice_comes_first(d, c, best->cache))
		return;
	source = offer_largest(c, most_bytes(d, c));
	if (source != NONE)
		*best = (struct choice){ c, source };
}

static uint32_t best_of_network(const struct dispatch *d)
{
	const struct ready *idle = &d->ready[0];
	struct choice best = { NULL, NONE };

	for (size_t i = 0; i < d->part_count; i++)
		if (d->parts[i].is_active && !d->caches[d->parts[i].cache].facts.local)
			consider(d, &d->caches[d->parts[i].cache], &best);
	for (size_t i = 0; i < idle->len; i++) {
		consider(d, &d->caches[idle->ids[i]], &best);
		/* The first is the best, unless all that it has is too large for it. */
		if (i == 0 && best.cache == &d->caches[idle->ids[0]])
			break;
	}
	return best.source;
}

static unsigned slots_to_start(const struct dispatch *d)
{
	return d->opts.slots - (d->usable > 1 ? d->opts.slots / SPARE_SHARE : 0);
}

uint32_t choice_best(struct dispatch *d, unsigned where)
{
	const struct ready *local = &d->ready[1];

	if (where == 0)
		return d->active[0] < slots_to_start(d) ? best_of_network(d) : NONE;
	if (d->active[1] >= d->opts.local_slots || !local->len)
		return NONE;
	return offer_largest(&d->caches[local->ids[0]], UINT64_MAX);
}
