/* Caches that go away, are silent or busy, and runs that end early. */
#include "fetch_scenarios.h"

static void it_goes_away(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 2, LEVELS, LARGE);
	world_set_rates(w, 2e5);
	world_add_change(w, 5000, 0, NET_REFUSING);
}

static void it_falls_silent(struct fetch_world *w, const struct goods_keys *k)
{
	it_goes_away(w, k);
	w->changes[0].mode = NET_MUTE;
}

static void it_comes_back(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 1, LEVELS, LARGE);
	world_set_rates(w, 2e5);
	w->retry_for_ms = 600000;
	world_add_change(w, 5000, 0, NET_REFUSING);
	world_add_change(w, 120000, 0, NET_UP);
}

/* It gets one request at a time: the others wait, and so does the engine. */
static void it_is_silent_from_the_start(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 1, LEVELS, SMALL);
	for (size_t i = 0; i < LEVELS; i++)
		w->paths[i].is_target = true;
	w->retry_for_ms = 600000;
	w->caches[0].mode = NET_MUTE;
	world_add_change(w, 120000, 0, NET_UP);
}

static void nobody_is_there(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 2, LEVELS, SMALL);
	w->caches[0].mode = NET_REFUSING;
	w->caches[1].mode = NET_BLACKHOLE;
}

static void retry_after(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 1, 2, SMALL);
	w->caches[0].retry_after_s = 7;
	world_add_change(w, 30, 0, NET_BUSY);
	world_add_change(w, 2000, 0, NET_UP);
}

/* Its first requests already fail, all at the same moment. */
static void busy_at_first(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 1, LEVELS, SMALL);
	for (size_t i = 0; i < LEVELS; i++)
		w->paths[i].is_target = true;
	w->caches[0].retry_after_s = 7;
	w->caches[0].mode = NET_BUSY;
	world_add_change(w, 2000, 0, NET_UP);
}

static void busy_for_good(struct fetch_world *w, const struct goods_keys *k)
{
	busy_at_first(w, k);
	w->change_count = 0;
}

static void killed(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 1, LEVELS, LARGE);
	world_set_rates(w, 2e5);
	w->killed_at_ms = 9000;
}

static void the_first_failure_ends_it(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 1, LEVELS, SMALL);
	world_offer(w, 0, LEVELS - 2)->is_there = false;
	w->stops_at_first = true;
}

/* What is below an untrusted path is unknown. */
static void a_path_is_nowhere(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 2, LEVELS, SMALL);
	for (size_t i = 0; i < 2; i++)
		world_offer(w, i, 2)->is_there = false;
}

const struct fetch_scenario outage_scenarios[] = {
	{
		.name = "it-goes-away",
		.make = it_goes_away,
		.came = 6,
		.infos = 12,
		.nars = 20,
		.twice = 20,
	},
	{
		.name = "it-falls-silent",
		.make = it_falls_silent,
		.came = 6,
		.infos = 12,
		.nars = 20,
		.twice = 20,
		.most_ms = 30000,
	},
	{
		.name = "it-comes-back",
		.make = it_comes_back,
		.came = 6,
		.infos = 6,
		.nars = 20,
		.twice = 1,
		.least_ms = 120000,
	},
	{
		.name = "it-is-silent-from-the-start",
		.make = it_is_silent_from_the_start,
		.came = 6,
		.infos = 6,
		.nars = 6,
		.least_ms = 120000,
	},
	{
		.name = "nobody-is-there",
		.make = nobody_is_there,
		.code = NF_E_NET,
		.left_out = CACHE_BIT(0) | CACHE_BIT(1),
		.most_ms = 6000,
	},
	{
		.name = "retry-after",
		.make = retry_after,
		.came = 2,
		.infos = 4,
		.nars = 2,
		.least_ms = 7000,
		.most_ms = 20000,
	},
	{
		.name = "busy-at-first",
		.make = busy_at_first,
		.came = 6,
		.infos = 6,
		.nars = 6,
		.least_ms = 7000,
		.most_ms = 15000,
	},
	{
		.name = "busy-for-good",
		.make = busy_for_good,
		.code = NF_E_NET,
		.left_out = CACHE_BIT(0),
		.least_ms = 2 * 7000,
		.most_ms = 90000,
	},
	{
		.name = "killed",
		.make = killed,
		.came = 6,
		.infos = 12,
		.nars = 12,
		.twice = 1,
	},
	{
		.name = "the-first-failure-ends-it",
		.make = the_first_failure_ends_it,
		.code = NF_E_MISSING,
		.came = 1,
		.infos = 2,
		.nars = 1,
	},
	{
		.name = "a-path-is-nowhere",
		.make = a_path_is_nowhere,
		.code = NF_E_MISSING,
		.came = 3,
		.infos = 8,
		.nars = 3,
	},
	{ 0 },
};
