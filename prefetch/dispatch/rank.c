/* Which of two caches is used first. */
#include "dispatch/state.h"

/* Times count as equal if both are below this, or within a quarter of each other; then
 * the user's priorities decide. */
#define TIE_MS 16
/* Share of one cache among many of unknown speed. */
#define SAMPLE_BYTES (2 * 1000 * 1000)
/* For a shorter time, it is not worth asking whether another cache would be faster. */
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

/* How much the cache should bring: nothing that all others together could bring sooner;
 * little if it is one of many of unknown speed. */
uint64_t rank_most_bytes(const struct dispatch *d, const struct supplier *c)
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

/* Bytes per second that one more of its parts would bring. */
static uint64_t gain_of(const struct dispatch *d, const struct supplier *c)
{
	uint32_t offer = bins_largest(c, rank_most_bytes(d, c));
	uint64_t size = offer != NONE ? node_missing(d, offer) : 0;
	int64_t ms =
		c->latency_ms + speed_ms(size, speed_of_cache(d, c) / (c->active + 1));

	return ms > 0 ? size * 1000 / (uint64_t)ms : size * 1000;
}

/* Lower is better. */
static int cost_class(const struct dispatch *d, const struct supplier *c)
{
	uint64_t gain;

	if (!are_many(d))
		return tie_class(speed_backlog_ms(d, c));
	gain = gain_of(d, c);
	return -tie_class((int64_t)(gain < INT64_MAX ? gain : INT64_MAX));
}

bool rank_comes_first(const struct dispatch *d, const struct supplier *a,
		      const struct supplier *b)
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
