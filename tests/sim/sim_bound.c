#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sim.h"

/* With more caches than this, only each alone and all together are looked at. */
#define SUBSETS_MAX 12
#define UNLIMITED   1e7 /* bytes a millisecond */

struct state {
	const struct sim_world *world;
	enum sim_mode *modes;
	double *rates;
};

/* One that is busy goes on with what it has begun. */
static bool gives(enum sim_mode mode)
{
	return mode == SIM_UP || mode == SIM_BUSY;
}

/* What a cache brings in a millisecond, by what it is capped to. */
static double cap_of(const struct state *s, size_t cache)
{
	const struct sim_cache *c = &s->world->caches[cache];
	unsigned slots = c->local ? s->world->local_slots : s->world->slots_per_cache;
	double rate = s->rates[cache] > 0 ? s->rates[cache] / 1000 : UNLIMITED;
	double all = c->connection_rate * slots / 1000;

	if (!c->local && !gives(s->modes[cache]))
		return 0;
	return all > 0 && all < rate ? all : rate;
}

/* What the caches of the set bring; SET NULL: all. */
static double cap_of_set(const struct state *s, const bool *set)
{
	double network = 0, local = 0, link = s->world->link / 1000;

	for (size_t i = 0; i < s->world->cache_count; i++) {
		if (set && !set[i])
			continue;
		if (s->world->caches[i].local)
			local += cap_of(s, i);
		else
			network += cap_of(s, i);
	}
	return local + (link > 0 && link < network ? link : network);
}

static void state_begin(struct state *s)
{
	for (size_t i = 0; i < s->world->cache_count; i++) {
		s->modes[i] = s->world->caches[i].mode;
		s->rates[i] = s->world->caches[i].rate;
	}
}

static void state_change(struct state *s, const struct sim_change *c)
{
	s->modes[c->cache] = c->mode;
	if (c->rate > 0)
		s->rates[c->cache] = c->rate;
}

/* How long the caches of the set need for so many bytes, as they change over time. */
static double time_for(struct state *s, double bytes, const bool *set)
{
	const struct sim_world *w = s->world;
	double at = 0;

	state_begin(s);
	for (size_t i = 0; i < w->change_count; i++) {
		double cap = cap_of_set(s, set), span = w->changes[i].at_ms - at;

		if (cap * span >= bytes)
			return at + bytes / cap;
		bytes -= cap * span;
		at = w->changes[i].at_ms;
		state_change(s, &w->changes[i]);
	}
	/* What none of them brings any more does not count. */
	return cap_of_set(s, set) > 0 ? at + bytes / cap_of_set(s, set) : 0;
}

bool sim_is_good(const struct sim_world *w, const struct sim_source *s)
{
	const struct sim_cache *c = &w->caches[s->cache];

	if (s->faults & (SIM_ABSENT | SIM_LIES | SIM_MISTELLS))
		return false;
	for (size_t i = 0; i < w->change_count; i++)
		if (w->changes[i].cache == s->cache && gives(w->changes[i].mode))
			return true;
	return c->local || gives(c->mode);
}

/* Bytes of the node's files that an earlier run left. */
static double present(const struct sim_world *w, const struct sim_node *n)
{
	double sum = 0;

	for (size_t i = 0; i < w->present_count; i++)
		if (&w->nodes[w->present[i].node] == n && !w->present[i].is_wrong)
			sum += (double)(w->present[i].end - w->present[i].from);
	return sum;
}

static double least_size(const struct sim_world *w, const struct sim_node *n)
{
	double least = INFINITY;

	for (size_t i = n->source; i < n->source + n->source_count; i++)
		if (sim_is_good(w, &w->sources[i]))
			least = fmin(least, (double)w->sources[i].size);
	return least == INFINITY ? least : fmax(0, least - present(w, n));
}

#define VERIFY_MS   0.5
#define VERIFY_RATE 300e3 /* bytes a millisecond */

double sim_verify_ms(uint64_t size)
{
	return VERIFY_MS + (double)size / VERIFY_RATE;
}

/* How long its slots are taken together, at least. */
static double slot_ms(const struct sim_world *w, const struct sim_node *n,
		      double *ret_latency)
{
	double least = INFINITY, here = present(w, n);

	*ret_latency = INFINITY;
	for (size_t i = n->source; i < n->source + n->source_count; i++) {
		const struct sim_source *s = &w->sources[i];
		const struct sim_cache *c = &w->caches[s->cache];
		double latency = c->local ? 0 : c->latency_ms, body = 0;

		if (!sim_is_good(w, s))
			continue;
		if (c->connection_rate > 0)
			body = fmax(0, (double)s->size - here) / c->connection_rate *
			       1000;
		least = fmin(least, latency + body);
		*ret_latency = fmin(*ret_latency, latency);
	}
	return least;
}

struct sums {
	double all, slots, last;
	double verify;	/* the smallest file */
	double *by_set; /* bytes that only caches of the set have; or by cache */
	bool has_sets;
};

static void add_node(const struct sim_world *w, const struct sim_node *n,
		     struct sums *sums)
{
	double size = least_size(w, n), latency;
	uint32_t set = 0, count = 0, cache = 0;

	if (size == INFINITY || size == 0)
		return;
	sums->all += size;
	sums->verify = fmin(sums->verify, sim_verify_ms((uint64_t)size));
	sums->slots += slot_ms(w, n, &latency);
	sums->last = fmax(sums->last, n->arrives_ms + latency);
	for (size_t i = n->source; i < n->source + n->source_count; i++)
		if (sim_is_good(w, &w->sources[i])) {
			cache = w->sources[i].cache;
			count++;
			if (sums->has_sets)
				set |= 1U << cache;
		}
	if (sums->has_sets)
		sums->by_set[set] += size;
	else if (count == 1)
		sums->by_set[cache] += size;
}

static double worst_subset(struct state *s, const struct sums *sums, bool *set)
{
	uint32_t count = 1U << s->world->cache_count;
	double worst = 0;

	for (uint32_t mask = 1; mask < count; mask++) {
		double bytes = 0;

		for (uint32_t part = mask; part; part = (part - 1) & mask)
			bytes += sums->by_set[part];
		for (size_t i = 0; i < s->world->cache_count; i++)
			set[i] = mask >> i & 1;
		if (bytes > 0)
			worst = fmax(worst, time_for(s, bytes, set));
	}
	return worst;
}

static double worst_alone(struct state *s, const struct sums *sums, bool *set)
{
	double worst = time_for(s, sums->all, NULL);

	for (size_t i = 0; i < s->world->cache_count; i++) {
		set[i] = true;
		if (sums->by_set[i] > 0)
			worst = fmax(worst, time_for(s, sums->by_set[i], set));
		set[i] = false;
	}
	return worst;
}

double sim_bound(const struct sim_world *w)
{
	bool has_sets = w->cache_count <= SUBSETS_MAX;
	struct state s = {
		.world = w,
		.modes = mem_calloc(w->cache_count, sizeof(*s.modes)),
		.rates = mem_calloc(w->cache_count, sizeof(*s.rates)),
	};
	struct sums sums = {
		.by_set = mem_calloc(has_sets ? 1U << w->cache_count : w->cache_count,
				     sizeof(double)),
		.has_sets = has_sets,
		.verify = INFINITY,
	};
	bool *set = mem_calloc(w->cache_count, sizeof(*set));
	unsigned slots = w->slots;
	double bound;

	for (size_t i = 0; i < w->node_count; i++)
		add_node(w, &w->nodes[i], &sums);
	bound = has_sets ? worst_subset(&s, &sums, set) : worst_alone(&s, &sums, set);
	for (size_t i = 0; i < w->cache_count; i++)
		if (w->caches[i].local)
			slots = w->slots + w->local_slots;
	bound = fmax(bound, sums.slots / slots);
	bound = fmax(bound, sums.last);
	if (sums.verify < INFINITY && slots == w->slots)
		bound += sums.verify;
	free(s.modes);
	free(s.rates);
	free(sums.by_set);
	free(set);
	return bound;
}
