#include "net/dispatch.h"

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
		.part_min = 256 * KIB,
	};
	struct dispatch *d = dispatch_new(&o);

	for (uint32_t i = 0; i < caches; i++)
		dispatch_set_cache(d, i,
				   &(struct dispatch_cache){ .priority = 10 * (int)i });
	return d;
}

static void want(struct dispatch *d, uint32_t node, uint64_t size, unsigned caches)
{
	dispatch_want(d, node, 4 * size);
	for (uint32_t c = 0; c < 32; c++)
		if (caches & 1U << c)
			dispatch_add_source(d, node,
					    &(struct dispatch_source){
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
	want(d, 7, 5 * MB, 1);
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

static void what_broke_goes_on_where_it_broke(void **state)
{
	struct dispatch *d = dispatch_with(1, 4, 2);
	struct dispatch_order o;

	(void)state;
	want(d, 0, 5 * MB, 1);
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

static void a_refusal_passes_to_the_next_cache(void **state)
{
	struct dispatch *d = dispatch_with(2, 4, 2);
	struct dispatch_order o;
	uint32_t first;

	(void)state;
	want(d, 0, 5 * MB, 3);
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
	want(d, 0, 5 * MB, 1);
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

static void bytes_of_an_earlier_run_are_not_asked_for(void **state)
{
	struct dispatch *d = dispatch_with(1, 4, 2);
	struct dispatch_order a, b;
	uint64_t from, end;

	(void)state;
	want(d, 0, 5 * MB, 1);
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

static void all_bytes_may_be_here_already(void **state)
{
	struct dispatch *d = dispatch_with(1, 4, 2);
	struct dispatch_order o;
	uint64_t from, end;

	(void)state;
	want(d, 0, 5 * MB, 1);
	o = next(d, 0, DISPATCH_START);
	dispatch_present(d, o.part, 0, 5 * MB);
	dispatch_part_range(d, o.part, &from, &end);
	assert_int_equal(from, end);
	dispatch_part_end(d, o.part, DISPATCH_CAME, 0, 0);
	assert_true(dispatch_is_whole(d, 0));
	/* The bytes from before may be the wrong ones: the cache is not to blame. */
	assert_int_equal(dispatch_spoilt(d, 0), DISPATCH_NONE);
	o = next(d, 1, DISPATCH_START);
	assert_true(o.fresh);
	come(d, &o, 2);
	assert_int_equal(dispatch_spoilt(d, 0), 0);
	next(d, 3, DISPATCH_GIVE_UP);
	dispatch_free(d);
}

static void slots_are_kept(void **state)
{
	struct dispatch *d = dispatch_with(2, 3, 2);
	unsigned at[2] = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 10; i++)
		want(d, i, MB, 3);
	for (int i = 0; i < 3; i++)
		at[next(d, 0, DISPATCH_START).cache]++;
	next(d, 0, DISPATCH_WAIT);
	assert_true(at[0] <= 2 && at[1] <= 2);
	assert_int_equal(dispatch_waiting(d), 7);
	dispatch_free(d);
}

static void the_jobs_of_a_cache_that_is_gone_return_at_once(void **state)
{
	struct dispatch *d = dispatch_with(2, 4, 4);
	struct dispatch_order o;

	(void)state;
	want(d, 0, MB, 1);
	want(d, 1, MB, 3);
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
	dispatch_add_source(d, 3, &(struct dispatch_source){ .cache = 1 });
	o = next(d, 3, DISPATCH_START);
	assert_int_equal(o.end, DISPATCH_TO_END);
	dispatch_part_bytes(d, o.part, 60, 4);
	dispatch_part_end(d, o.part, DISPATCH_CAME, 0, 5);
	assert_true(dispatch_is_whole(d, 3));
	dispatch_free(d);
}

static void this_machine_comes_before_the_network(void **state)
{
	struct dispatch *d = dispatch_with(2, 4, 4);
	struct dispatch_order o;

	(void)state;
	dispatch_set_cache(d, 2,
			   &(struct dispatch_cache){ .priority = -1, .local = true });
	for (uint32_t i = 0; i < 4; i++)
		want(d, i, MB, 7);
	for (int i = 0; i < 2; i++)
		assert_int_equal(next(d, 0, DISPATCH_START).cache, 2);
	next(d, 0, DISPATCH_WAIT);
	dispatch_set_state(d, 2, DISPATCH_GONE);
	o = next(d, 1, DISPATCH_START);
	assert_int_not_equal(o.cache, 2);
	dispatch_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_is_fetched_and_done),
		cmocka_unit_test(what_broke_goes_on_where_it_broke),
		cmocka_unit_test(a_refusal_passes_to_the_next_cache),
		cmocka_unit_test(a_cache_without_ranges_starts_again),
		cmocka_unit_test(bytes_of_an_earlier_run_are_not_asked_for),
		cmocka_unit_test(all_bytes_may_be_here_already),
		cmocka_unit_test(slots_are_kept),
		cmocka_unit_test(the_jobs_of_a_cache_that_is_gone_return_at_once),
		cmocka_unit_test(an_open_node_waits_for_sources),
		cmocka_unit_test(this_machine_comes_before_the_network),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
