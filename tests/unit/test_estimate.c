#include "plan/estimate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void one_cache_takes_its_bytes_by_its_speed(void **state)
{
	const struct estimate_share one = { 50000000, 10000000, 250000 };
	double seconds;

	(void)state;
	assert_true(estimate_seconds(&one, 1, &seconds));
	assert_float_equal(seconds, 5.25, 1e-9);
}

static void several_are_as_slow_as_the_slowest(void **state)
{
	const struct estimate_share three[] = {
		{ 50000000, 10000000, 0 },
		{ 1000000, 100000, 0 },
		{ 900000000, 1000000000, 20000 },
	};
	double seconds;

	(void)state;
	assert_true(estimate_seconds(three, ARRAY_SIZE(three), &seconds));
	assert_float_equal(seconds, 10, 1e-9);
}

static void what_was_not_measured_matters_only_where_it_is_needed(void **state)
{
	const struct estimate_share two[] = { { 1000, 1000, 0 }, { 0, 0, 0 } };
	const struct estimate_share lacking[] = { { 1000, 1000, 0 }, { 1, 0, 0 } };
	double seconds;

	(void)state;
	assert_true(estimate_seconds(two, ARRAY_SIZE(two), &seconds));
	assert_float_equal(seconds, 1, 1e-9);
	assert_false(estimate_seconds(lacking, ARRAY_SIZE(lacking), &seconds));
	assert_false(estimate_seconds(two + 1, 1, &seconds));
	assert_false(estimate_seconds(NULL, 0, &seconds));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_cache_takes_its_bytes_by_its_speed),
		cmocka_unit_test(several_are_as_slow_as_the_slowest),
		cmocka_unit_test(what_was_not_measured_matters_only_where_it_is_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
