/* What caches serve: right, wrong, gone, in other encodings, and who is blamed. */
#include "fetch_scenarios.h"

#include "base/limits.h"

static void one_cache(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 1, LEVELS, SMALL);
}

static void honest_and_slow(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 3, LEVELS, LARGE);
	world_set_rates(w, 2e5);
	w->no_race = true;
}

static void one_lies(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 2, LEVELS, SMALL);
	world_set_faults(w, 1, 0, NAR_LIES);
	w->caches[1].priority = 10;
	w->caches[0].latency_ms = 200;
}

static void all_lie(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 2, 1, SMALL);
	world_set_faults(w, 0, 0, NAR_LIES);
	world_set_faults(w, 1, 0, NAR_LIES);
}

/* One file, so slow that both caches bring parts of it. */
static void of_two_one_lies(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 2, 1, LARGE);
	world_set_rates(w, 2e5);
	world_set_faults(w, 1, 0, NAR_LIES);
}

static void of_two_the_first_lies(struct fetch_world *w, const struct goods_keys *k)
{
	of_two_one_lies(w, k);
	world_set_faults(w, 0, 0, NAR_LIES);
	world_set_faults(w, 1, 0, 0);
}

static void of_two_one_sends_another_range(struct fetch_world *w,
					   const struct goods_keys *k)
{
	of_two_one_lies(w, k);
	world_set_faults(w, 0, 0, NAR_OTHER_RANGE);
	world_set_faults(w, 1, 0, 0);
}

static void of_two_one_byte_is_wrong(struct fetch_world *w, const struct goods_keys *k)
{
	struct net_offer *o;

	of_two_one_lies(w, k);
	for (size_t i = 0; i < 2; i++) {
		o = world_offer(w, i, 0);
		o->encoding = GOODS_PLAIN;
		o->nar_faults = i ? NAR_LIES : 0;
		o->lies_from = LARGE - 1000;
		o->lies_end = o->lies_from + 1;
	}
}

static void of_three_one_lies(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 3, 1, LARGE);
	world_set_rates(w, 2e5);
	world_set_faults(w, 2, 0, NAR_LIES);
}

/* It begins, and is gone when another part would continue. */
static void a_liar_was_killed(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 2, 1, LARGE);
	world_set_rates(w, 1e5);
	world_set_faults(w, 1, 0, NAR_LIES);
	w->caches[0].mode = NET_REFUSING;
	w->killed_at_ms = 3000;
	world_add_change(w, 3000, 0, NET_UP);
	world_add_change(w, 3000, 1, NET_REFUSING);
}

static void nar_is_gone(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 2, LEVELS, SMALL);
	world_set_faults(w, 0, 0, NAR_GONE);
	w->caches[0].priority = 10;
	w->caches[1].latency_ms = 200;
}

static void nar_is_gone_everywhere(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 2, 1, SMALL);
	world_set_faults(w, 0, 0, NAR_GONE);
	world_set_faults(w, 1, 0, NAR_GONE);
}

static void nar_has_moved(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 1, LEVELS, SMALL);
	world_set_faults(w, 0, 0, NAR_MOVED);
}

static void file_is_short(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 2, 2, SMALL);
	world_set_faults(w, 0, 0, NAR_SHORT);
	w->caches[1].latency_ms = 200;
}

static void file_is_long(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 2, 2, SMALL);
	world_set_faults(w, 0, 0, NAR_LONG);
	w->caches[1].latency_ms = 200;
}

static void two_encodings(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 2, LEVELS, LARGE);
	world_set_rates(w, 4e5);
	for (size_t i = 0; i < LEVELS; i++)
		world_offer(w, 1, i)->encoding = GOODS_ZSTD_BEST;
	w->no_race = true;
}

static void unsigned_here(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 2, LEVELS, SMALL);
	world_set_faults(w, 0, INFO_UNSIGNED, 0);
}

static void unsigned_everywhere(struct fetch_world *w, const struct goods_keys *k)
{
	unsigned_here(w, k);
	world_set_faults(w, 1, INFO_UNKNOWN_KEY, 0);
}

static void forged(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 2, LEVELS, SMALL);
	world_set_faults(w, 0, INFO_FORGED, NAR_LIES);
}

static void garbage(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 2, LEVELS, SMALL);
	world_set_faults(w, 0, INFO_GARBAGE, 0);
}

static void another_path(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 2, LEVELS, SMALL);
	world_set_faults(w, 0, INFO_OTHER_PATH, 0);
}

static void another_size(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 1, LEVELS, LARGE);
	world_set_faults(w, 0, INFO_WRONG_SIZE, 0);
}

static void another_codec(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 2, 1, LARGE);
	world_set_rates(w, 4e5);
	world_set_faults(w, 0, INFO_OTHER_CODEC, 0);
}

static void another_store(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 2, LEVELS, SMALL);
	w->caches[0].info = NET_INFO_OTHER_STORE;
}

static void no_ranges(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 2, 2, LARGE);
	world_set_rates(w, 4e5);
	w->caches[0].no_range = true;
}

static void no_lengths(struct fetch_world *w, const struct goods_keys *k)
{
	world_chain(w, k, 1, LEVELS, LARGE);
	world_set_faults(w, 0, INFO_NO_SIZE | INFO_NO_HASH, 0);
	w->caches[0].no_length = true;
}

const struct fetch_scenario content_scenarios[] = {
	{
		.name = "a-closure",
		.make = one_cache,
		.came = 6,
		.infos = 6,
		.nars = 6,
	},
	{
		.name = "honest-and-slow",
		.make = honest_and_slow,
		.came = 6,
		.infos = 18,
		.nars = 6,
	},
	{
		.name = "one-lies",
		.make = one_lies,
		.came = 6,
		.accused = CACHE_BIT(1),
		.left_out = CACHE_BIT(1),
		.infos = 12,
		.nars = 12,
		.twice = 100,
	},
	{
		.name = "all-lie",
		.make = all_lie,
		.code = NF_E_FORMAT,
		.accused = CACHE_BIT(0) | CACHE_BIT(1),
		.infos = 2,
		.nars = 2,
	},
	{
		.name = "of-two-one-lies",
		.make = of_two_one_lies,
		.came = 1,
		.accused = CACHE_BIT(1),
		.accusations = 1,
		.infos = 2,
		.nars = 12,
		.twice = 250,
	},
	{ .name = "of-two-the-first-lies",
	  .make = of_two_the_first_lies,
	  .came = 1,
	  .accused = CACHE_BIT(0),
	  .accusations = 1,
	  .infos = 2,
	  .nars = 12,
	  .twice = 250 },
	{ .name = "of-two-one-sends-another-range",
	  .make = of_two_one_sends_another_range,
	  .came = 1,
	  .accused = CACHE_BIT(0),
	  .infos = 2,
	  .nars = 12,
	  .twice = 20 },
	{
		.name = "of-two-one-byte-is-wrong",
		.make = of_two_one_byte_is_wrong,
		.came = 1,
		.accused = CACHE_BIT(1),
		.accusations = 1,
		.infos = 2,
		.nars = 12,
		.twice = 250,
	},
	{
		.name = "of-three-one-lies",
		.make = of_three_one_lies,
		.came = 1,
		.accused = CACHE_BIT(2),
		.accusations = 1,
		.infos = 3,
		.nars = 12,
		.twice = 250,
	},
	{
		.name = "a-liar-was-killed",
		.make = a_liar_was_killed,
		.came = 1,
		.left_out = CACHE_BIT(1),
		.infos = 4,
		.nars = 10,
		.twice = 110,
	},
	{
		.name = "nar-is-gone",
		.make = nar_is_gone,
		.came = 6,
		.infos = 18,
		.nars = 12,
	},
	{
		.name = "nar-is-gone-everywhere",
		.make = nar_is_gone_everywhere,
		.code = NF_E_MISSING,
		.infos = 4,
		.nars = 2,
	},
	{
		.name = "nar-has-moved",
		.make = nar_has_moved,
		.came = 6,
		.infos = 12,
		.nars = 12,
	},
	{
		.name = "file-is-short",
		.make = file_is_short,
		.came = 2,
		.accused = CACHE_BIT(0),
		.infos = 4,
		.nars = 4,
		.twice = 70,
	},
	{
		.name = "file-is-long",
		.make = file_is_long,
		.came = 2,
		.accused = CACHE_BIT(0),
		.infos = 4,
		.nars = 4,
		.twice = 101,
	},
	{
		.name = "two-encodings",
		.make = two_encodings,
		.came = 6,
		.infos = 12,
		.nars = 6,
	},
	{
		.name = "unsigned-here",
		.make = unsigned_here,
		.came = 6,
		.infos = 12,
		.nars = 6,
	},
	{
		.name = "unsigned-everywhere",
		.make = unsigned_everywhere,
		.code = NF_E_TRUST,
		.infos = 2,
	},
	{
		.name = "forged",
		.make = forged,
		.came = 6,
		.infos = 12,
		.nars = 6,
	},
	{
		.name = "garbage",
		.make = garbage,
		.came = 6,
		.accused = CACHE_BIT(0),
		.infos = 12,
		.nars = 6,
	},
	{
		.name = "another-path",
		.make = another_path,
		.came = 6,
		.accused = CACHE_BIT(0),
		.infos = 12,
		.nars = 6,
	},
	{ .name = "another-size",
	  .make = another_size,
	  .came = 6,
	  .infos = 6,
	  .nars = 12 },
	{ .name = "another-codec",
	  .make = another_codec,
	  .came = 1,
	  .infos = 2,
	  .nars = 12,
	  .twice = 60 },
	{
		.name = "another-store",
		.make = another_store,
		.came = 6,
		.accused = CACHE_BIT(0),
		.left_out = CACHE_BIT(0),
		.infos = 6,
		.nars = 6,
	},
	{
		.name = "no-ranges",
		.make = no_ranges,
		.came = 2,
		.infos = 4,
		.nars = 12,
		.twice = 60,
	},
	{
		.name = "no-lengths",
		.make = no_lengths,
		.came = 6,
		.infos = 6,
		.nars = 6,
	},
	{ 0 },
};
