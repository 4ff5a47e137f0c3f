#include "bound.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

#define UNLIMITED 1e7 /* bytes per millisecond */

struct bound_state {
	const struct fetch_world *world;
	enum net_mode modes[WORLD_CACHES];
	double rates[WORLD_CACHES];
};

/* A busy cache continues with what it has begun. */
static bool gives(enum net_mode mode)
{
	return mode == NET_UP || mode == NET_BUSY;
}

/* Bytes per millisecond that a cache brings within its limit. */
static double cap_of(const struct bound_state *s, size_t cache)
{
	const struct net_cache *c = &s->world->caches[cache];
	double rate = s->rates[cache] > 0 ? s->rates[cache] / 1000 : UNLIMITED;
	double all = c->connection_rate * (double)s->world->slots / 1000;

	if (c->place != NET_AWAY)
		return INFINITY;
	if (!gives(s->modes[cache]))
		return 0;
	return all > 0 && all < rate ? all : rate;
}

/* Bytes per millisecond of the caches in the set; SET NULL: of all. */
static double cap_of_set(const struct bound_state *s, const bool *set)
{
	double network = 0, local = 0, link = s->world->link / 1000;

	for (size_t i = 0; i < s->world->cache_count; i++) {
		if (set && !set[i])
			continue;
		if (s->world->caches[i].place != NET_AWAY)
			local += cap_of(s, i);
		else
			network += cap_of(s, i);
	}
	return local + (link > 0 && link < network ? link : network);
}

static void state_begin(struct bound_state *s)
{
	for (size_t i = 0; i < s->world->cache_count; i++) {
		s->modes[i] = s->world->caches[i].mode;
		s->rates[i] = s->world->caches[i].rate;
	}
}

static void state_change(struct bound_state *s, const struct net_change *c)
{
	s->modes[c->cache] = c->mode;
	if (c->rate > 0)
		s->rates[c->cache] = c->rate;
}

/* Shortest latency of the caches in the set; SET NULL: of all. */
static double latency_of(const struct fetch_world *w, const bool *set)
{
	double least = INFINITY;

	for (size_t i = 0; i < w->cache_count; i++) {
		const struct net_cache *c = &w->caches[i];

		if (!set || set[i])
			least = fmin(least, c->place == NET_AWAY ? c->latency_ms : 0);
	}
	return least;
}

/* No byte arrives sooner: a narinfo is requested first. */
static double first_ms(const struct fetch_world *w, const bool *set)
{
	return latency_of(w, NULL) + latency_of(w, set);
}

/* How long the caches of the set need for this many bytes, as they change over time. */
static double time_for(struct bound_state *s, double bytes, const bool *set)
{
	const struct fetch_world *w = s->world;
	double at = first_ms(w, set);

	state_begin(s);
	for (size_t i = 0; i < w->change_count; i++) {
		double cap = cap_of_set(s, set);
		double span = fmax(0, w->changes[i].at_ms - at);

		if (cap * span >= bytes)
			return at + bytes / cap;
		bytes -= cap * span;
		at += span;
		state_change(s, &w->changes[i]);
	}
	/* Bytes that none of them brings any more do not count. */
	return cap_of_set(s, set) > 0 ? at + bytes / cap_of_set(s, set) : 0;
}

/* It would supply the path, if its cache is queried in time. */
static bool brings(const struct fetch_world *w, size_t cache, size_t path)
{
	const struct net_cache *c = &w->caches[cache];

	if (!world_is_good(world_offer(w, cache, path)))
		return false;
	for (size_t i = 0; i < w->change_count; i++)
		if (w->changes[i].cache == cache && gives(w->changes[i].mode))
			return true;
	return c->place != NET_AWAY || gives(c->mode);
}

/* What an earlier run left of it, if right. */
static double present(const struct fetch_world *w, size_t path)
{
	const struct world_path *p = &w->paths[path];

	return p->is_spoilt ? 0 : (double)p->present;
}

static double least_size(const struct fetch_world *w, size_t path)
{
	double least = INFINITY;

	for (size_t i = 0; i < w->cache_count; i++)
		if (brings(w, i, path))
			least = fmin(least, (double)world_file_size(w, i, path));
	return least == INFINITY ? least : fmax(0, least - present(w, path));
}

/* Minimum total time for which its slots are occupied. */
static double slot_ms(const struct fetch_world *w, size_t path, double *ret_latency)
{
	double least = INFINITY, here = present(w, path);

	*ret_latency = INFINITY;
	for (size_t i = 0; i < w->cache_count; i++) {
		const struct net_cache *c = &w->caches[i];
		double latency = c->place != NET_AWAY ? 0 : c->latency_ms, body = 0;

		if (!brings(w, i, path))
			continue;
		if (c->connection_rate > 0)
			body = fmax(0, (double)world_file_size(w, i, path) - here) /
			       c->connection_rate * 1000;
		least = fmin(least, latency + body);
		*ret_latency = fmin(*ret_latency, latency);
	}
	return least;
}

struct bound_sums {
	double all, slots, last;
	double *by_set; /* bytes that only caches of the set have */
};

/* Earliest time at which it is known: narinfos arrive one after the other. Paths refer to
 * earlier ones. */
static double *known_ms(const struct fetch_world *w)
{
	double *known = mem_calloc(w->path_count, sizeof(*known));
	double least = latency_of(w, NULL);

	for (size_t i = 0; i < w->path_count; i++)
		known[i] = w->paths[i].is_target ? least : INFINITY;
	for (size_t i = w->path_count; i-- > 0;)
		for (size_t k = 0; k < w->paths[i].ref_count; k++) {
			double *ref = &known[w->paths[i].refs[k]];

			*ref = fmin(*ref, known[i] + least);
		}
	return known;
}

static void add_path(const struct fetch_world *w, size_t path, double known,
		     struct bound_sums *sums)
{
	double size = least_size(w, path), latency;
	uint32_t set = 0;

	if (size == INFINITY || size == 0)
		return;
	sums->all += size;
	sums->slots += slot_ms(w, path, &latency);
	sums->last = fmax(sums->last, known + latency);
	for (uint32_t i = 0; i < w->cache_count; i++)
		if (brings(w, i, path))
			set |= 1U << i;
	sums->by_set[set] += size;
}

static double worst_subset(struct bound_state *s, const struct bound_sums *sums)
{
	uint32_t count = 1U << s->world->cache_count;
	bool set[WORLD_CACHES];
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

double bound_ms(const struct fetch_world *w)
{
	struct bound_state s = { .world = w };
	struct bound_sums sums = {
		.by_set = mem_calloc((size_t)1 << w->cache_count, sizeof(double)),
	};
	AUTO_FREE double *known = known_ms(w);
	bool is_local = false;
	double bound;

	for (size_t i = 0; i < w->path_count; i++)
		add_path(w, i, known[i], &sums);
	bound = worst_subset(&s, &sums);
	for (size_t i = 0; i < w->cache_count; i++)
		is_local |= w->caches[i].place != NET_AWAY;
	if (!is_local)
		bound = fmax(bound, latency_of(w, NULL) + sums.slots / (double)w->slots);
	bound = fmax(bound, sums.last);
	free(sums.by_set);
	return bound;
}
