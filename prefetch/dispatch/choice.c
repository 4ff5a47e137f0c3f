/* From which cache what is started next: caches are kept busy for equally long, as far as
 * they have what is missing, so that all end together. Where there are more caches than
 * can be asked at once, those are asked that give most. */
#include "dispatch/state.h"

/* Times are equal when both are below this, or within a quarter of each other; then the
 * user's priorities decide. */
#define TIE_MS 16
/* Parts at once from a cache of which it is not known how fast it is. */
#define SAMPLE_PARTS 4
#define SAMPLE_BYTES (2 * 1000 * 1000)
/* While a cache has nothing to start, a share of the slots is left for its help. */
#define SPARE_SHARE 4
/* What takes less is not worth asking whether it would come sooner from elsewhere. */
#define LITTLE_MS 1000

static int tie_class(int64_t ms)
{
	int log;

	if (ms < TIE_MS)
		return 0;
	log = 63 - __builtin_clzll((unsigned long long)ms);
	return log * 4 + (int)(ms >> (log - 2) & 3);
}

static bool are_many(const struct dispatch *d)
{
	return d->usable > d->opts.slots / 2;
}

/* What the cache should bring: nothing that all others together would be done before; as
 * one of many, of which nothing is known, not much. */
static uint64_t most_bytes(const struct dispatch *d, const struct cache *c)
{
	int64_t ms = d->all_ms;
	uint64_t rate = speed_of_cache(d, c);

	if (d->usable < 2)
		return UINT64_MAX;
	if (are_many(d) && !speed_is_known(c))
		return SAMPLE_BYTES;
	if (ms < LITTLE_MS)
		ms = LITTLE_MS;
	return (uint64_t)ms < UINT64_MAX / rate ? rate * (uint64_t)ms / 1000 : UINT64_MAX;
}

/* Bytes a second that one more of its parts would bring. */
static uint64_t gain_of(const struct dispatch *d, const struct cache *c)
{
	uint32_t source = offer_largest(c, most_bytes(d, c));
	uint64_t size = source != NONE ? offer_size(d, source) : 0;
	int64_t ms =
		c->latency_ms + speed_ms(size, speed_of_cache(d, c) / (c->active + 1));

	return ms > 0 ? size * 1000 / (uint64_t)ms : size * 1000;
}

/* The lower, the better. */
static int cost_class(const struct dispatch *d, const struct cache *c)
{
	uint64_t gain;

	if (!are_many(d))
		return tie_class(speed_backlog_ms(d, c));
	gain = gain_of(d, c);
	return -tie_class((int64_t)(gain < INT64_MAX ? gain : INT64_MAX));
}

bool choice_comes_first(const struct dispatch *d, const struct cache *a,
			const struct cache *b)
{
	int x, y;

	if (!a->facts.local) {
		x = cost_class(d, a);
		y = cost_class(d, b);
		if (x != y)
			return x < y;
	}
	if (a->facts.priority != b->facts.priority)
		return a->facts.priority < b->facts.priority;
	if (a->active != b->active)
		return a->active < b->active;
	return a->meter.rate > b->meter.rate;
}

static bool may_start(const struct dispatch *d, const struct cache *c)
{
	return !c->facts.local && offer_is_ready(d, c) &&
	       (speed_is_known(c) || c->active < SAMPLE_PARTS || d->usable < 2);
}

struct choice {
	const struct cache *cache; /* NULL: none */
	uint32_t source;
	int64_t ms; /* until it has come */
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
		*best = (struct choice){ .cache = c, .source = source };
}

/* Where all that is left is too large to be brought in time, it is brought as soon as can
 * be. */
static void consider_late(const struct dispatch *d, const struct cache *c,
			  struct choice *best)
{
	struct choice it = { .cache = c };

	if (!may_start(d, c))
		return;
	it.source = offer_largest(c, UINT64_MAX);
	it.ms = speed_backlog_ms(d, c) +
		speed_ms(offer_size(d, it.source), speed_of_cache(d, c));
	if (!best->cache || it.ms < best->ms)
		*best = it;
}

static uint32_t best_of_network(const struct dispatch *d)
{
	const struct ready *idle = &d->ready[0];
	struct choice best = { .source = NONE };

	for (size_t i = 0; i < d->part_count; i++)
		if (d->parts[i].is_active)
			consider(d, &d->caches[d->parts[i].cache], &best);
	for (size_t i = 0; i < idle->len; i++) {
		consider(d, &d->caches[idle->ids[i]], &best);
		/* The first is the best, unless all that it has is too large for it. */
		if (i == 0 && best.cache == &d->caches[idle->ids[0]])
			break;
	}
	if (best.cache)
		return best.source;
	for (size_t i = 0; i < d->part_count; i++)
		if (d->parts[i].is_active)
			consider_late(d, &d->caches[d->parts[i].cache], &best);
	for (size_t i = 0; i < idle->len; i++)
		consider_late(d, &d->caches[idle->ids[i]], &best);
	return best.source;
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
	return offer_largest(&d->caches[local->ids[0]], UINT64_MAX);
}
