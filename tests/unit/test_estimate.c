#include "plan/estimate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/cleanup.h"

#define MEASURED(speed, latency, size)                                                   \
	{                                                                                \
		.throughput = (speed), .latency_us = (latency), .bytes = (size),         \
	}

static void one_cache_takes_its_bytes_by_its_speed(void **state)
{
	const struct estimate_cache one = MEASURED(10000000, 250000, 50000000);
	double seconds;

	(void)state;
	assert_true(estimate_seconds(&one, 1, &seconds));
	assert_float_equal(seconds, 5.25, 1e-9);
}

static void slowest_cache_determines_the_estimate(void **state)
{
	const struct estimate_cache three[] = {
		MEASURED(10000000, 0, 50000000),
		MEASURED(100000, 0, 1000000),
		MEASURED(1000000000, 20000, 900000000),
	};
	double seconds;

	(void)state;
	assert_true(estimate_seconds(three, ARRAY_SIZE(three), &seconds));
	assert_float_equal(seconds, 10, 1e-9);
}

static void unmeasured_cache_matters_only_if_it_is_used(void **state)
{
	const struct estimate_cache two[] = { MEASURED(1000, 0, 1000), { 0 } };
	const struct estimate_cache lacking[] = { MEASURED(1000, 0, 1000),
						  MEASURED(0, 0, 1) };
	double seconds;

	(void)state;
	assert_true(estimate_seconds(two, ARRAY_SIZE(two), &seconds));
	assert_float_equal(seconds, 1, 1e-9);
	assert_false(estimate_seconds(lacking, ARRAY_SIZE(lacking), &seconds));
	assert_false(estimate_seconds(two + 1, 1, &seconds));
	assert_false(estimate_seconds(NULL, 0, &seconds));
}

static void local_files_take_no_time(void **state)
{
	const struct estimate_cache two[] = {
		MEASURED(1000, 0, 1000),
		{ .local = true, .bytes = 1000000 },
	};
	double seconds;

	(void)state;
	assert_true(estimate_seconds(two, ARRAY_SIZE(two), &seconds));
	assert_float_equal(seconds, 1, 1e-9);
	assert_false(estimate_seconds(two + 1, 1, &seconds));
}

static void caches_that_were_measured_share_by_their_speed(void **state)
{
	struct estimate_cache two[] = { MEASURED(1000, 0, 0), MEASURED(3000, 0, 0) };
	const struct estimate_offer offers[] = { { 0, 1000 }, { 1, 1000 } };
	double seconds;

	(void)state;
	for (int i = 0; i < 400; i++)
		estimate_take(two, offers, ARRAY_SIZE(offers));
	assert_int_equal(two[0].bytes, 100000);
	assert_int_equal(two[1].bytes, 300000);
	assert_true(estimate_seconds(two, ARRAY_SIZE(two), &seconds));
	assert_float_equal(seconds, 100, 1e-9);
}

/* Which of two offers is taken, in either order. */
static void best_offer_is_chosen(void **state)
{
	static const struct {
		const char *why;
		struct estimate_cache first, second;
		uint64_t first_bytes, second_bytes;
	} cases[] = {
		{ "the number decides where nothing else does", { 0 }, { 0 }, 1, 1 },
		{ "priority", { .priority = 3 }, { .priority = 4 }, 1, 1 },
		{ "priority, also of one that was not measured",
		  { .priority = 3 },
		  { .priority = 4, .throughput = 1000 },
		  1,
		  1 },
		{ "speed before priority",
		  { .priority = 4, .throughput = 2000 },
		  { .priority = 3, .throughput = 1000 },
		  1000,
		  1000 },
		{ "less to transfer",
		  { .priority = 4, .throughput = 1000 },
		  { .priority = 3, .throughput = 1000 },
		  500,
		  1000 },
		{ "this machine before a network",
		  { .local = true },
		  { .throughput = 1000000000 },
		  1000,
		  1 },
		{ "unless that comes first by priority",
		  { .priority = 3 },
		  { .priority = 4, .local = true },
		  1000,
		  1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct estimate_cache caches[] = { cases[i].first, cases[i].second };
		struct estimate_offer there[] = { { 0, cases[i].first_bytes },
						  { 1, cases[i].second_bytes } };
		struct estimate_offer back[] = { there[1], there[0] };

		if (estimate_take(caches, there, 2) != 0)
			fail_msg("%s", cases[i].why);
		caches[0].bytes = 0;
		if (estimate_take(caches, back, 2) != 1)
			fail_msg("%s, the other way round", cases[i].why);
		assert_int_equal(caches[0].bytes, cases[i].first_bytes);
		assert_int_equal(caches[1].bytes, 0);
	}
}

static void sums_do_not_overflow(void **state)
{
	struct estimate_cache one = MEASURED(1, 0, UINT64_MAX - 1);

	(void)state;
	assert_int_equal(estimate_take(&one, &(struct estimate_offer){ 0, 10 }, 1), 0);
	assert_int_equal(one.bytes, UINT64_MAX);
}

static void a_race_brings_each_byte_twice_at_most(void **state)
{
	static const struct {
		const char *what;
		struct estimate_offer offers[3];
		size_t count, taken;
		uint64_t race;
	} cases[] = {
		{ "one cache", { { 0, 100 } }, 1, 0, 0 },
		{ "two with one file", { { 0, 100 }, { 1, 100 } }, 2, 0, 100 },
		{ "three with one file",
		  { { 0, 100 }, { 1, 100 }, { 2, 100 } },
		  3,
		  2,
		  100 },
		{ "another, larger file", { { 0, 100 }, { 1, 250 } }, 2, 0, 250 },
		{ "another, smaller file", { { 0, 250 }, { 1, 100 } }, 2, 0, 100 },
		{ "the largest two", { { 0, 50 }, { 1, 300 }, { 2, 100 } }, 3, 0, 350 },
		{ "this machine and a cache", { { 0, 100 }, { 3, 100 } }, 2, 0, 0 },
		{ "this machine is taken",
		  { { 3, 100 }, { 0, 100 }, { 1, 100 } },
		  3,
		  0,
		  0 },
		{ "this machine is slower by the user's word",
		  { { 0, 100 }, { 3, 900 }, { 1, 80 } },
		  3,
		  0,
		  80 },
	};
	static const struct estimate_cache caches[4] = { [3] = { .local = true } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t race = estimate_race(caches, cases[i].offers, cases[i].count,
					      cases[i].taken);

		if (race != cases[i].race)
			fail_msg("%s: %llu", cases[i].what, (unsigned long long)race);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_cache_takes_its_bytes_by_its_speed),
		cmocka_unit_test(slowest_cache_determines_the_estimate),
		cmocka_unit_test(unmeasured_cache_matters_only_if_it_is_used),
		cmocka_unit_test(local_files_take_no_time),
		cmocka_unit_test(caches_that_were_measured_share_by_their_speed),
		cmocka_unit_test(best_offer_is_chosen),
		cmocka_unit_test(sums_do_not_overflow),
		cmocka_unit_test(a_race_brings_each_byte_twice_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
