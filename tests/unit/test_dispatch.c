#include "dispatch/dispatch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define KIB 1024ULL
#define MB  1000000ULL

static struct dispatch *dispatch_with(unsigned caches, unsigned slots, unsigned per_cache)
{
	const struct dispatch_options o = {
		.slots = slots,
		.slots_per_cache = per_cache,
		.local_slots = 2,
		.part_min = 64 * KIB,
	};
	struct dispatch *d = dispatch_new(&o);

	for (uint32_t i = 0; i < caches; i++)
		dispatch_set_cache(d, i,
				   &(struct dispatch_cache){ .priority = 10 * (int)i });
	return d;
}

static void want_node(struct dispatch *d, uint32_t node, uint64_t size, unsigned caches)
{
	dispatch_want(d, node, 4 * size);
	for (uint32_t c = 0; c < 32; c++)
		if (caches & 1U << c)
			dispatch_add_offer(d, node,
					   &(struct dispatch_offer){
						   .cache = c,
						   .file_size = size,
						   .file_id = node + 1,
					   });
	dispatch_closed(d, node);
}

static struct dispatch_order next(struct dispatch *d, int64_t now, enum dispatch_act act)
{
	struct dispatch_order o;

	dispatch_next(d, now, &o);
	assert_int_equal(o.act, act);
	return o;
}

static void come(struct dispatch *d, const struct dispatch_order *o, int64_t now)
{
	uint64_t from, end;

	dispatch_part_head(d, o->part, 0, true, now);
	dispatch_part_range(d, o->part, &from, &end);
	dispatch_part_bytes(d, o->part, end - from, now);
	dispatch_part_end(d, o->part, DISPATCH_CAME, 0, now);
}

static void a_node_is_fetched_and_done(void **state)
{
	struct dispatch *d = dispatch_with(1, 4, 2);
	struct dispatch_order o;

	(void)state;
	want_node(d, 7, 5 * MB, 1);
	assert_int_equal(dispatch_waiting(d), 1);
	o = next(d, 0, DISPATCH_START);
	assert_int_equal(o.node, 7);
	assert_int_equal(o.cache, 0);
	assert_true(o.fresh);
	assert_int_equal(o.from, 0);
	assert_int_equal(o.end, 5 * MB);
	assert_int_equal(o.cut, DISPATCH_NONE);
	assert_int_equal(dispatch_waiting(d), 0);
	assert_false(dispatch_is_whole(d, 7));
	come(d, &o, 10);
	assert_true(dispatch_is_whole(d, 7));
	dispatch_verified(d, 7);
	next(d, 11, DISPATCH_WAIT);
	dispatch_free(d);
}

static void broken_part_resumes_where_it_broke(void **state)
{
	struct dispatch *d = dispatch_with(1, 4, 2);
	struct dispatch_order o;

	(void)state;
	want_node(d, 0, 5 * MB, 1);
	o = next(d, 0, DISPATCH_START);
	dispatch_part_bytes(d, o.part, 2 * MB, 5);
	dispatch_part_end(d, o.part, DISPATCH_BROKE, 100, 10);
	o = next(d, 11, DISPATCH_WAIT);
	assert_int_equal(o.due, 100);
	o = next(d, 100, DISPATCH_START);
	assert_false(o.fresh);
	assert_int_equal(o.from, 2 * MB);
	assert_int_equal(dispatch_part_attempts(d, o.part), 1);
	dispatch_part_end(d, o.part, DISPATCH_BROKE, DISPATCH_NEVER, 110);
	o = next(d, 111, DISPATCH_GIVE_UP);
	assert_int_equal(o.node, 0);
	next(d, 112, DISPATCH_WAIT);
	dispatch_free(d);
}

/* Like a chunked body without its last chunk. */
static void file_is_whole_if_the_transfer_breaks_after_the_last_byte(void **state)
{
	struct dispatch *d = dispatch_with(1, 4, 2);
	struct dispatch_order o;

	(void)state;
	want_node(d, 0, 5 * MB, 1);
	o = next(d, 0, DISPATCH_START);
	dispatch_part_bytes(d, o.part, 5 * MB, 5);
	dispatch_part_end(d, o.part, DISPATCH_BROKE, 100, 10);
	assert_true(dispatch_is_whole(d, 0));
	next(d, 100, DISPATCH_WAIT);
	dispatch_verified(d, 0);
	dispatch_free(d);
}

/* Breaks off each time after N more bytes; how often until there have been too many. */
static unsigned breaks(struct dispatch *d, uint64_t n, unsigned most)
{
	unsigned count = 0;

	while (count < most) {
		struct dispatch_order o = next(d, count, DISPATCH_START);

		dispatch_part_bytes(d, o.part, n, count);
		if (dispatch_part_attempts(d, o.part) == 4)
			return count;
		dispatch_part_end(d, o.part, DISPATCH_BROKE, count + 1, count);
		count++;
	}
	return count;
}

static void file_that_advances_is_not_given_up(void **state)
{
	struct dispatch *d = dispatch_with(1, 1, 1);

	(void)state;
	want_node(d, 0, 5 * MB, 1);
	assert_int_equal(breaks(d, 100000, 49), 49);
	dispatch_free(d);
	d = dispatch_with(1, 1, 1);
	want_node(d, 0, 5 * MB, 1);
	assert_int_equal(breaks(d, 1000, 49), 4);
	dispatch_free(d);
}

static void file_that_never_advances_is_given_up(void **state)
{
	struct dispatch *d = dispatch_with(1, 1, 1);
	struct dispatch_order o;

	(void)state;
	want_node(d, 0, 5 * MB, 1);
	o = next(d, 0, DISPATCH_START);
	dispatch_part_end(d, o.part, DISPATCH_NO_RANGE, 0, 1);
	assert_int_equal(breaks(d, 100000, 49), 4);
	dispatch_free(d);
}

static void refused_node_moves_to_the_next_cache(void **state)
{
	struct dispatch *d = dispatch_with(2, 4, 2);
	struct dispatch_order o;
	uint32_t first;

	(void)state;
	want_node(d, 0, 5 * MB, 3);
	o = next(d, 0, DISPATCH_START);
	first = o.cache;
	dispatch_part_bytes(d, o.part, 2 * MB, 5);
	dispatch_part_end(d, o.part, DISPATCH_REFUSED, 0, 10);
	o = next(d, 11, DISPATCH_START);
	assert_int_not_equal(o.cache, first);
	assert_int_equal(o.from, 0);
	come(d, &o, 20);
	assert_true(dispatch_is_whole(d, 0));
	dispatch_free(d);
}

static void a_cache_without_ranges_starts_again(void **state)
{
	struct dispatch *d = dispatch_with(1, 4, 2);
	struct dispatch_order o;

	(void)state;
	want_node(d, 0, 5 * MB, 1);
	o = next(d, 0, DISPATCH_START);
	dispatch_part_bytes(d, o.part, 2 * MB, 5);
	dispatch_part_end(d, o.part, DISPATCH_BROKE, 6, 6);
	o = next(d, 7, DISPATCH_START);
	assert_int_equal(o.from, 2 * MB);
	dispatch_part_end(d, o.part, DISPATCH_NO_RANGE, 0, 8);
	o = next(d, 9, DISPATCH_START);
	assert_true(o.fresh);
	assert_int_equal(o.from, 0);
	assert_int_equal(o.end, 5 * MB);
	dispatch_free(d);
}

static void bytes_of_an_earlier_run_are_not_requested(void **state)
{
	struct dispatch *d = dispatch_with(1, 4, 2);
	struct dispatch_order a, b;
	uint64_t from, end;

	(void)state;
	want_node(d, 0, 5 * MB, 1);
	a = next(d, 0, DISPATCH_START);
	dispatch_present(d, a.part, 0, 1 * MB);
	dispatch_present(d, a.part, 2 * MB, 4 * MB);
	dispatch_part_range(d, a.part, &from, &end);
	assert_int_equal(from, 1 * MB);
	assert_int_equal(end, 2 * MB);
	b = next(d, 1, DISPATCH_START);
	assert_false(b.fresh);
	assert_int_equal(b.from, 4 * MB);
	assert_int_equal(b.end, 5 * MB);
	come(d, &b, 5);
	assert_false(dispatch_is_whole(d, 0));
	come(d, &a, 6);
	assert_true(dispatch_is_whole(d, 0));
	dispatch_free(d);
}

static void all_bytes_may_be_present_already(void **state)
{
	struct dispatch *d = dispatch_with(1, 4, 2);
	struct dispatch_order o;
	uint64_t from, end;

	(void)state;
	want_node(d, 0, 5 * MB, 1);
	o = next(d, 0, DISPATCH_START);
	dispatch_present(d, o.part, 0, 5 * MB);
	dispatch_part_range(d, o.part, &from, &end);
	assert_int_equal(from, end);
	dispatch_part_end(d, o.part, DISPATCH_CAME, 0, 0);
	assert_true(dispatch_is_whole(d, 0));
	/* The earlier bytes may be the wrong ones: the cache is not to blame. */
	assert_int_equal(dispatch_spoilt(d, 0), DISPATCH_NONE);
	o = next(d, 1, DISPATCH_START);
	assert_true(o.fresh);
	come(d, &o, 2);
	assert_int_equal(dispatch_spoilt(d, 0), 0);
	next(d, 3, DISPATCH_GIVE_UP);
	dispatch_free(d);
}

/* The reported size is a hint: the first response counts. */
static void first_response_determines_the_size(void **state)
{
	static const uint64_t sizes[] = { 1, MB, 5 * MB, 5 * MB + 1, 9 * MB };
	struct dispatch_order o;
	uint64_t from, end;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct dispatch *d = dispatch_with(1, 4, 2);

		want_node(d, 0, 5 * MB, 1);
		o = next(d, 0, DISPATCH_START);
		assert_int_equal(dispatch_part_size(d, o.part), 5 * MB);
		assert_true(dispatch_part_head(d, o.part, sizes[i], true, 1));
		dispatch_part_range(d, o.part, &from, &end);
		assert_int_equal(from, 0);
		assert_int_equal(end, sizes[i]);
		assert_int_equal(dispatch_part_size(d, o.part), sizes[i]);
		/* A different size after that is that of another file. */
		assert_false(dispatch_part_head(d, o.part, sizes[i] + 1, true, 1));
		dispatch_part_bytes(d, o.part, sizes[i], 2);
		dispatch_part_end(d, o.part, DISPATCH_CAME, 0, 3);
		assert_true(dispatch_is_whole(d, 0));
		dispatch_free(d);
	}
}

static void size_is_unknown_unless_reported(void **state)
{
	struct dispatch *d = dispatch_with(1, 4, 2);
	struct dispatch_order o;
	uint64_t from, end;

	(void)state;
	want_node(d, 0, 5 * MB, 1);
	o = next(d, 0, DISPATCH_START);
	assert_true(dispatch_part_head(d, o.part, DISPATCH_TO_END, false, 1));
	dispatch_part_range(d, o.part, &from, &end);
	assert_int_equal(end, DISPATCH_TO_END);
	assert_int_equal(dispatch_part_size(d, o.part), 0);
	dispatch_part_bytes(d, o.part, 9 * MB, 2);
	dispatch_part_end(d, o.part, DISPATCH_CAME, 0, 3);
	assert_true(dispatch_is_whole(d, 0));
	dispatch_free(d);
}

/* MORE than the reported bytes have arrived when the body breaks, or fewer. */
static bool is_whole_when_it_breaks(int64_t more)
{
	struct dispatch *d = dispatch_with(1, 4, 2);
	struct dispatch_order o;
	bool is_whole;

	want_node(d, 0, 5 * MB, 1);
	o = next(d, 0, DISPATCH_START);
	assert_true(dispatch_part_head(d, o.part, DISPATCH_TO_END, false, 1));
	dispatch_part_bytes(d, o.part, (uint64_t)(5 * MB + more), 2);
	dispatch_part_end(d, o.part, DISPATCH_BROKE, 3, 3);
	is_whole = dispatch_is_whole(d, 0);
	dispatch_free(d);
	return is_whole;
}

static void file_is_whole_if_the_transfer_breaks_at_its_expected_end(void **state)
{
	(void)state;
	assert_true(is_whole_when_it_breaks(0));
	assert_false(is_whole_when_it_breaks(-1));
	assert_false(is_whole_when_it_breaks(1));
}

static void present_bytes_may_exceed_the_reported_size(void **state)
{
	struct dispatch *d = dispatch_with(1, 4, 2);
	struct dispatch_order o;
	uint64_t from, end;

	(void)state;
	want_node(d, 0, 5 * MB, 1);
	o = next(d, 0, DISPATCH_START);
	dispatch_present(d, o.part, 0, 6 * MB);
	dispatch_part_range(d, o.part, &from, &end);
	assert_int_equal(from, 6 * MB);
	assert_int_equal(end, DISPATCH_TO_END);
	/* Fewer than are present: it is another file. */
	assert_false(dispatch_part_head(d, o.part, 5 * MB, true, 1));
	dispatch_part_end(d, o.part, DISPATCH_NO_RANGE, 0, 2);
	o = next(d, 3, DISPATCH_START);
	assert_true(o.fresh);
	assert_int_equal(o.from, 0);
	assert_true(dispatch_part_head(d, o.part, 7 * MB, true, 4));
	dispatch_part_bytes(d, o.part, 7 * MB, 5);
	dispatch_part_end(d, o.part, DISPATCH_CAME, 0, 6);
	assert_true(dispatch_is_whole(d, 0));
	dispatch_free(d);
}

static void slot_limits_are_respected(void **state)
{
	struct dispatch *d = dispatch_with(2, 3, 2);
	unsigned at[2] = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 10; i++)
		want_node(d, i, MB, 3);
	for (int i = 0; i < 3; i++)
		at[next(d, 0, DISPATCH_START).cache]++;
	next(d, 0, DISPATCH_WAIT);
	assert_true(at[0] <= 2 && at[1] <= 2);
	assert_int_equal(dispatch_waiting(d), 7);
	dispatch_free(d);
}

static void jobs_of_a_dropped_cache_return_at_once(void **state)
{
	struct dispatch *d = dispatch_with(2, 4, 4);
	struct dispatch_order o;

	(void)state;
	want_node(d, 0, MB, 1);
	want_node(d, 1, MB, 3);
	dispatch_set_state(d, 1, DISPATCH_PAUSED);
	dispatch_set_state(d, 0, DISPATCH_GONE);
	o = next(d, 0, DISPATCH_GIVE_UP);
	assert_int_equal(o.node, 0);
	next(d, 0, DISPATCH_WAIT);
	dispatch_set_state(d, 1, DISPATCH_USABLE);
	o = next(d, 1, DISPATCH_START);
	assert_int_equal(o.node, 1);
	assert_int_equal(o.cache, 1);
	dispatch_free(d);
}

static void an_open_node_waits_for_sources(void **state)
{
	struct dispatch *d = dispatch_with(2, 4, 4);
	struct dispatch_order o;

	(void)state;
	dispatch_want(d, 3, 100);
	next(d, 0, DISPATCH_WAIT);
	dispatch_closed(d, 3);
	next(d, 1, DISPATCH_GIVE_UP);
	dispatch_want(d, 3, 100);
	next(d, 2, DISPATCH_WAIT);
	dispatch_add_offer(d, 3, &(struct dispatch_offer){ .cache = 1 });
	o = next(d, 3, DISPATCH_START);
	assert_int_equal(o.end, DISPATCH_TO_END);
	dispatch_part_bytes(d, o.part, 60, 4);
	dispatch_part_end(d, o.part, DISPATCH_CAME, 0, 5);
	assert_true(dispatch_is_whole(d, 3));
	dispatch_free(d);
}

static void local_caches_come_before_the_network(void **state)
{
	struct dispatch *d = dispatch_with(2, 4, 4);
	struct dispatch_order o;

	(void)state;
	dispatch_set_cache(d, 2,
			   &(struct dispatch_cache){ .priority = -1, .local = true });
	for (uint32_t i = 0; i < 4; i++)
		want_node(d, i, MB, 7);
	for (int i = 0; i < 2; i++)
		assert_int_equal(next(d, 0, DISPATCH_START).cache, 2);
	next(d, 0, DISPATCH_WAIT);
	dispatch_set_state(d, 2, DISPATCH_GONE);
	o = next(d, 1, DISPATCH_START);
	assert_int_not_equal(o.cache, 2);
	dispatch_free(d);
}

/* ---- choice ---- */

static void set_speed(struct dispatch *d, uint32_t cache, int priority, uint64_t rate)
{
	dispatch_set_cache(d, cache,
			   &(struct dispatch_cache){ .priority = priority,
						     .latency_us = 10000,
						     .throughput = rate });
}

static void caches_get_work_by_their_speed(void **state)
{
	struct dispatch *d = dispatch_with(3, 32, 32);
	uint64_t bytes[3] = { 0 };

	(void)state;
	set_speed(d, 0, 40, 1 * MB);
	set_speed(d, 1, 40, 12 * MB);
	set_speed(d, 2, 40, 6 * MB);
	for (uint32_t i = 0; i < 200; i++)
		want_node(d, i, 2 * MB, 7);
	for (int i = 0; i < 24; i++) {
		struct dispatch_order o = next(d, 0, DISPATCH_START);

		bytes[o.cache] += o.end - o.from;
	}
	/* 48 MB: 2.5, 30.3 and 15.2 would end at the same time. */
	assert_in_range(bytes[0], 2 * MB, 4 * MB);
	assert_in_range(bytes[1], 28 * MB, 32 * MB);
	assert_in_range(bytes[2], 12 * MB, 18 * MB);
	dispatch_free(d);
}

static void priority_decides_where_speed_does_not(void **state)
{
	struct dispatch *d = dispatch_with(2, 8, 8);

	(void)state;
	set_speed(d, 0, 40, 100 * MB);
	set_speed(d, 1, 30, 100 * MB);
	for (uint32_t i = 0; i < 8; i++)
		want_node(d, i, 50000, 3);
	for (int i = 0; i < 6; i++)
		assert_int_equal(next(d, 0, DISPATCH_START).cache, 1);
	dispatch_free(d);
}

static void caches_of_unknown_speed_are_all_sampled(void **state)
{
	struct dispatch *d = dispatch_with(4, 16, 16);
	unsigned at[4] = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		want_node(d, i, 20 * MB, 15);
	for (int i = 0; i < 12; i++)
		at[next(d, 0, DISPATCH_START).cache]++;
	for (int i = 0; i < 4; i++)
		assert_in_range(at[i], 2, 4);
	dispatch_free(d);
}

static void a_slow_cache_gets_what_it_can_bring_in_time(void **state)
{
	struct dispatch *d = dispatch_with(2, 8, 8);
	uint64_t largest = 0;

	(void)state;
	set_speed(d, 0, 1, MB / 2);
	set_speed(d, 1, 2, 50 * MB);
	want_node(d, 0, 200 * MB, 3);
	for (uint32_t i = 1; i < 20; i++)
		want_node(d, i, MB, 3);
	for (int i = 0; i < 6; i++) {
		struct dispatch_order o = next(d, 0, DISPATCH_START);

		if (o.cache == 0 && o.end > largest)
			largest = o.end;
	}
	assert_int_equal(largest, MB);
	dispatch_free(d);
}

/* ---- the end ---- */

/* The part flows from START at RATE until NOW. */
static void flow(struct dispatch *d, const struct dispatch_order *o, uint64_t rate,
		 int64_t start, int64_t now)
{
	dispatch_part_head(d, o->part, 0, true, start);
	for (int64_t t = start + 50; t <= now; t += 50)
		dispatch_part_bytes(d, o->part, rate / 20, t);
}

static void the_last_part_is_cut_between_caches(void **state)
{
	struct dispatch *d = dispatch_with(2, 8, 1);
	struct dispatch_order a, b, o;
	uint64_t from, end;

	(void)state;
	set_speed(d, 0, 1, 2 * MB);
	set_speed(d, 1, 2, 6 * MB);
	want_node(d, 0, 100 * MB, 1);
	want_node(d, 1, 10, 2);
	a = next(d, 0, DISPATCH_START);
	b = next(d, 0, DISPATCH_START);
	dispatch_add_offer(d, 0,
			   &(struct dispatch_offer){
				   .cache = 1, .file_size = 100 * MB, .file_id = 1 });
	assert_int_equal(b.node, 1);
	flow(d, &a, 2 * MB, 10, 1010);
	come(d, &b, 1020);
	dispatch_verified(d, 1);
	o = next(d, 1030, DISPATCH_START);
	assert_int_equal(o.node, 0);
	assert_int_equal(o.cache, 1);
	assert_int_equal(o.cut, a.part);
	assert_false(o.is_race);
	assert_false(o.fresh);
	assert_int_equal(o.end, 100 * MB);
	/* A quarter stays with the one that is a third as fast as the other. */
	assert_in_range(o.from, 24 * MB, 29 * MB);
	dispatch_part_range(d, a.part, &from, &end);
	assert_int_equal(end, o.from);
	come(d, &o, 15000);
	assert_false(dispatch_is_whole(d, 0));
	dispatch_part_bytes(d, a.part, end - 2 * MB, 15000);
	dispatch_part_end(d, a.part, DISPATCH_CAME, 0, 15000);
	assert_true(dispatch_is_whole(d, 0));
	dispatch_free(d);
}

/* No help: neither if the other cache has the same file nor if it has another one,
 * neither before nor after the response head. */
static void without_races_no_byte_is_requested_twice(void **state)
{
	const struct dispatch_options o = {
		.slots = 8,
		.slots_per_cache = 8,
		.local_slots = 2,
		.part_min = 64 * KIB,
		.no_race = true,
	};
	struct dispatch *d = dispatch_new(&o);
	struct dispatch_order a;

	(void)state;
	set_speed(d, 0, 1, MB);
	set_speed(d, 1, 2, 100 * MB);
	want_node(d, 0, 100 * MB, 1);
	a = next(d, 0, DISPATCH_START);
	dispatch_add_offer(d, 0,
			   &(struct dispatch_offer){
				   .cache = 1, .file_size = 100 * MB, .file_id = 1 });
	next(d, 20000, DISPATCH_WAIT);
	flow(d, &a, MB, 20000, 30000);
	next(d, 30000, DISPATCH_WAIT);
	/* What broke is still missing: that is not a second time. */
	dispatch_part_end(d, a.part, DISPATCH_BROKE, 60000, 30000);
	a = next(d, 30000, DISPATCH_START);
	assert_int_equal(a.cache, 1);
	assert_int_equal(a.from, 10 * MB);
	dispatch_free(d);
}

/* One part shows whether the cache is back; nothing else is requested from it. */
static void a_cache_on_trial_gets_one_part_at_a_time(void **state)
{
	struct dispatch *d = dispatch_with(1, 8, 8);
	struct dispatch_order o;

	(void)state;
	for (uint32_t i = 0; i < 5; i++)
		want_node(d, i, MB, 1);
	dispatch_set_state(d, 0, DISPATCH_TRIAL);
	o = next(d, 0, DISPATCH_START);
	next(d, 0, DISPATCH_WAIT);
	dispatch_part_end(d, o.part, DISPATCH_BROKE, 60000, 10);
	dispatch_set_state(d, 0, DISPATCH_PAUSED);
	next(d, 20, DISPATCH_WAIT);
	dispatch_set_state(d, 0, DISPATCH_TRIAL);
	o = next(d, 30, DISPATCH_START);
	next(d, 30, DISPATCH_WAIT);
	come(d, &o, 40);
	dispatch_set_state(d, 0, DISPATCH_USABLE);
	for (int i = 0; i < 3; i++)
		next(d, 50, DISPATCH_START);
	dispatch_free(d);
}

/* All slots start something: none is kept for help. */
static void without_races_no_slot_is_reserved_for_help(void **state)
{
	const struct dispatch_options o = {
		.slots = 8,
		.slots_per_cache = 8,
		.local_slots = 2,
		.part_min = 64 * KIB,
		.no_race = true,
	};
	struct dispatch *d = dispatch_new(&o);

	(void)state;
	set_speed(d, 0, 1, MB);
	set_speed(d, 1, 2, MB);
	for (uint32_t i = 0; i < 20; i++)
		want_node(d, i, MB, 1);
	for (int i = 0; i < 8; i++)
		next(d, 0, DISPATCH_START);
	next(d, 0, DISPATCH_WAIT);
	dispatch_free(d);
}

/* Starts what can be started, with data flowing at once; returns the number of parts. */
static unsigned start_all(struct dispatch *d, int64_t now, uint32_t *parts,
			  unsigned count)
{
	struct dispatch_order o;

	for (;;) {
		dispatch_next(d, now, &o);
		if (o.act != DISPATCH_START)
			return count;
		dispatch_part_head(d, o.part, 0, true, now);
		parts[count++] = o.part;
	}
}

/* Every part flows at RATE until NOW. */
static void flow_all(struct dispatch *d, const uint32_t *parts, unsigned count,
		     uint64_t rate, int64_t start, int64_t now)
{
	for (int64_t t = start + 50; t <= now; t += 50)
		for (unsigned i = 0; i < count; i++)
			dispatch_part_bytes(d, parts[i], rate / 20, t);
}

static void large_file_uses_several_connections(void **state)
{
	struct dispatch *d = dispatch_with(1, 16, 16);
	uint32_t parts[16];
	unsigned count = 1;

	(void)state;
	want_node(d, 0, 400 * MB, 1);
	parts[0] = next(d, 0, DISPATCH_START).part;
	/* A cache without ranges is not asked for any. */
	dispatch_part_head(d, parts[0], 0, false, 30);
	flow_all(d, parts, 1, 2500000, 0, 1000);
	next(d, 1000, DISPATCH_WAIT);
	dispatch_part_head(d, parts[0], 0, true, 1000);
	count = start_all(d, 1000, parts, count);
	assert_int_equal(count, 4);
	flow_all(d, parts, count, 2500000, 1000, 2000);
	count = start_all(d, 2000, parts, count);
	assert_int_equal(count, 8);
	flow_all(d, parts, count, 2500000, 2000, 3000);
	count = start_all(d, 3000, parts, count);
	assert_int_equal(count, 16);
	dispatch_free(d);
}

/* Sharing one slow link among more parts does not help. */
static void two_caches_do_not_steal_from_each_other_forever(void **state)
{
	struct dispatch *d = dispatch_with(2, 16, 16);
	uint32_t parts[16];
	unsigned count;

	(void)state;
	set_speed(d, 0, 20, 12 * MB);
	set_speed(d, 1, 20, 6 * MB);
	want_node(d, 0, 50 * MB, 3);
	count = start_all(d, 0, parts, 0);
	assert_int_equal(count, 2);
	flow_all(d, parts, count, 9 * MB, 0, 1000);
	count = start_all(d, 1000, parts, count);
	/* Each has tried whether more connections help. */
	assert_in_range(count, 2, 8);
	dispatch_free(d);
}

static void useless_connections_are_not_added(void **state)
{
	struct dispatch *d = dispatch_with(1, 16, 16);
	uint32_t parts[16];
	unsigned count = 1;

	(void)state;
	want_node(d, 0, 400 * MB, 1);
	parts[0] = next(d, 0, DISPATCH_START).part;
	dispatch_part_head(d, parts[0], 0, true, 30);
	flow_all(d, parts, 1, 8000000, 0, 1000);
	count = start_all(d, 1000, parts, count);
	assert_int_equal(count, 4);
	flow_all(d, parts, count, 2000000, 1000, 3000);
	assert_int_equal(start_all(d, 3000, parts, count), 4);
	/* Nor when one of them is through. */
	dispatch_part_end(d, parts[0], DISPATCH_CAME, 0, 3000);
	flow_all(d, parts + 1, count - 1, 2666000, 3000, 4000);
	assert_int_equal(start_all(d, 4000, parts, count), 4);
	dispatch_free(d);
}

/* That the rate does not grow while the number of parts stays says nothing. */
static void speed_of_many_files_does_not_prevent_more_connections(void **state)
{
	struct dispatch *d = dispatch_with(1, 8, 8);
	uint32_t parts[16];
	unsigned count;

	(void)state;
	want_node(d, 0, 400 * MB, 1);
	for (uint32_t i = 1; i < 8; i++)
		want_node(d, i, 20 * MB, 1);
	count = start_all(d, 0, parts, 0);
	assert_int_equal(count, 8);
	flow_all(d, parts, count, 2500000, 0, 8000);
	for (unsigned i = 1; i < 8; i++) {
		dispatch_part_end(d, parts[i], DISPATCH_CAME, 0, 8000);
		dispatch_verified(d, i);
	}
	assert_int_equal(start_all(d, 8000, parts, 1), 4);
	dispatch_free(d);
}

static void no_part_is_helped_at_the_limit_for_all(void **state)
{
	struct dispatch *d = dispatch_with(1, 8, 8);
	struct dispatch_order o;

	(void)state;
	dispatch_set_limit(d, 2500000);
	want_node(d, 0, 400 * MB, 1);
	o = next(d, 0, DISPATCH_START);
	flow(d, &o, 2500000, 0, 1000);
	next(d, 1000, DISPATCH_WAIT);
	dispatch_set_limit(d, 0);
	assert_int_equal(next(d, 1000, DISPATCH_START).cut, o.part);
	dispatch_free(d);
}

/* A file that two caches have is requested from the first; the second is slower. */
static struct dispatch *first_of_two_is_asked(uint64_t second_rate,
					      struct dispatch_order *ret_part)
{
	struct dispatch *d = dispatch_with(2, 8, 1);

	set_speed(d, 0, 1, 50 * MB);
	set_speed(d, 1, 2, second_rate);
	want_node(d, 0, 400000, 3);
	*ret_part = next(d, 0, DISPATCH_START);
	assert_int_equal(ret_part->cache, 0);
	return d;
}

static void a_part_that_falls_silent_is_raced(void **state)
{
	struct dispatch_order a, b;
	struct dispatch *d = first_of_two_is_asked(2 * MB, &a);

	(void)state;
	assert_true(next(d, 0, DISPATCH_WAIT).due <= 1000);
	flow(d, &a, 2 * MB, 10, 60);
	next(d, 70, DISPATCH_WAIT);
	b = next(d, 5000, DISPATCH_START);
	assert_int_equal(b.cache, 1);
	assert_true(b.is_race);
	assert_false(b.fresh);
	assert_int_equal(b.from, 100000);
	assert_int_equal(b.end, 400000);
	next(d, 5000, DISPATCH_WAIT);
	come(d, &b, 5100);
	assert_true(dispatch_is_whole(d, 0));
	assert_int_equal(next(d, 5100, DISPATCH_CANCEL).part, a.part);
	dispatch_free(d);
}

/* However fast it was, and however little of it is missing. */
static void silence_slows_a_part_down(void **state)
{
	struct dispatch_order a, b;
	struct dispatch *d = first_of_two_is_asked(2 * MB, &a);

	(void)state;
	flow(d, &a, 4 * MB, 10, 60);
	dispatch_part_bytes(d, a.part, 150000, 260);
	next(d, 600, DISPATCH_WAIT);
	b = next(d, 3000, DISPATCH_START);
	assert_true(b.is_race);
	assert_int_equal(b.from, 350000);
	dispatch_free(d);
}

static void raced_transfer_can_still_finish_first(void **state)
{
	struct dispatch_order a, b;
	struct dispatch *d = first_of_two_is_asked(2 * MB, &a);

	(void)state;
	flow(d, &a, 2 * MB, 10, 60);
	b = next(d, 5000, DISPATCH_START);
	assert_true(b.is_race);
	dispatch_part_end(d, b.part, DISPATCH_BROKE, 9000, 5100);
	assert_false(dispatch_is_whole(d, 0));
	dispatch_part_bytes(d, a.part, 300000, 5200);
	dispatch_part_end(d, a.part, DISPATCH_CAME, 0, 5200);
	assert_true(dispatch_is_whole(d, 0));
	next(d, 5200, DISPATCH_WAIT);
	dispatch_free(d);
}

static void another_encoding_is_raced_from_its_start(void **state)
{
	struct dispatch *d = dispatch_with(2, 8, 1);
	struct dispatch_offer s = { .cache = 0, .file_size = 10 * MB, .file_id = 1 };
	struct dispatch_order a, b;

	(void)state;
	set_speed(d, 0, 1, 50 * MB);
	set_speed(d, 1, 2, 20 * MB);
	dispatch_want(d, 0, 30 * MB);
	dispatch_add_offer(d, 0, &s);
	s = (struct dispatch_offer){ .cache = 1, .file_size = 8 * MB, .file_id = 2 };
	dispatch_add_offer(d, 0, &s);
	dispatch_closed(d, 0);
	a = next(d, 0, DISPATCH_START);
	flow(d, &a, 100000, 10, 1010);
	b = next(d, 1020, DISPATCH_START);
	assert_int_equal(b.cache, 1);
	assert_true(b.is_race);
	assert_true(b.fresh);
	assert_int_not_equal(b.file, a.file);
	assert_int_equal(b.from, 0);
	assert_int_equal(b.end, 8 * MB);
	come(d, &b, 1500);
	assert_true(dispatch_is_whole(d, 0));
	assert_int_equal(next(d, 1500, DISPATCH_CANCEL).part, a.part);
	dispatch_verified(d, 0);
	dispatch_free(d);
}

static void next_cache_is_asked_after_an_answer(void **state)
{
	struct dispatch_order a;
	struct dispatch *d = first_of_two_is_asked(20 * MB, &a);

	(void)state;
	next(d, 900, DISPATCH_WAIT);
	assert_true(next(d, 1500, DISPATCH_START).is_race);
	dispatch_free(d);
}

static void refusing_cache_may_name_another_file(void **state)
{
	struct dispatch *d = dispatch_with(1, 4, 2);
	const struct dispatch_offer other = { .file_size = 2 * MB, .file_id = 99 };
	struct dispatch_order o;

	(void)state;
	want_node(d, 0, 5 * MB, 1);
	o = next(d, 0, DISPATCH_START);
	dispatch_add_offer(d, 0, &other); /* too early: the first one counts */
	dispatch_want(d, 0, 20 * MB);
	dispatch_part_end(d, o.part, DISPATCH_REFUSED, 0, 1);
	next(d, 2, DISPATCH_WAIT);
	dispatch_add_offer(d, 0, &other);
	dispatch_closed(d, 0);
	o = next(d, 3, DISPATCH_START);
	assert_true(o.fresh);
	assert_int_equal(o.end, 2 * MB);
	dispatch_part_end(d, o.part, DISPATCH_REFUSED, 0, 4);
	assert_int_equal(next(d, 5, DISPATCH_GIVE_UP).node, 0);
	next(d, 6, DISPATCH_WAIT);
	dispatch_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_is_fetched_and_done),
		cmocka_unit_test(broken_part_resumes_where_it_broke),
		cmocka_unit_test(
			file_is_whole_if_the_transfer_breaks_after_the_last_byte),
		cmocka_unit_test(file_that_advances_is_not_given_up),
		cmocka_unit_test(file_that_never_advances_is_given_up),
		cmocka_unit_test(refused_node_moves_to_the_next_cache),
		cmocka_unit_test(refusing_cache_may_name_another_file),
		cmocka_unit_test(a_cache_without_ranges_starts_again),
		cmocka_unit_test(bytes_of_an_earlier_run_are_not_requested),
		cmocka_unit_test(all_bytes_may_be_present_already),
		cmocka_unit_test(first_response_determines_the_size),
		cmocka_unit_test(size_is_unknown_unless_reported),
		cmocka_unit_test(
			file_is_whole_if_the_transfer_breaks_at_its_expected_end),
		cmocka_unit_test(present_bytes_may_exceed_the_reported_size),
		cmocka_unit_test(slot_limits_are_respected),
		cmocka_unit_test(jobs_of_a_dropped_cache_return_at_once),
		cmocka_unit_test(an_open_node_waits_for_sources),
		cmocka_unit_test(local_caches_come_before_the_network),
		cmocka_unit_test(caches_get_work_by_their_speed),
		cmocka_unit_test(priority_decides_where_speed_does_not),
		cmocka_unit_test(caches_of_unknown_speed_are_all_sampled),
		cmocka_unit_test(a_slow_cache_gets_what_it_can_bring_in_time),
		cmocka_unit_test(the_last_part_is_cut_between_caches),
		cmocka_unit_test(a_cache_on_trial_gets_one_part_at_a_time),
		cmocka_unit_test(without_races_no_byte_is_requested_twice),
		cmocka_unit_test(without_races_no_slot_is_reserved_for_help),
		cmocka_unit_test(large_file_uses_several_connections),
		cmocka_unit_test(two_caches_do_not_steal_from_each_other_forever),
		cmocka_unit_test(useless_connections_are_not_added),
		cmocka_unit_test(speed_of_many_files_does_not_prevent_more_connections),
		cmocka_unit_test(no_part_is_helped_at_the_limit_for_all),
		cmocka_unit_test(a_part_that_falls_silent_is_raced),
		cmocka_unit_test(silence_slows_a_part_down),
		cmocka_unit_test(raced_transfer_can_still_finish_first),
		cmocka_unit_test(another_encoding_is_raced_from_its_start),
		cmocka_unit_test(next_cache_is_asked_after_an_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
