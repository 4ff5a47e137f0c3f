#include "http/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void empty_histogram_has_no_percentile(void **state)
{
	struct histogram h = { 0 };

	(void)state;
	assert_int_equal(histogram_percentile(&h, 50), 0);
	assert_int_equal(histogram_percentile(&h, 100), 0);
}

static void small_values_are_exact(void **state)
{
	struct histogram h = { 0 };

	(void)state;
	for (uint32_t v = 1; v <= 10; v++)
		histogram_add(&h, v);
	assert_int_equal(histogram_percentile(&h, 1), 1);
	assert_int_equal(histogram_percentile(&h, 50), 5);
	assert_int_equal(histogram_percentile(&h, 90), 9);
	assert_int_equal(histogram_percentile(&h, 99), 10);
}

/* Of every size: not below the value, at most an eighth above it. */
static void one_value_is_found_within_an_eighth(void **state)
{
	static const uint32_t far = UINT32_MAX;

	(void)state;
	for (uint64_t v = 1; v < UINT32_MAX; v += v / 5 + 1) {
		struct histogram h = { 0 };
		uint32_t found;

		histogram_add(&h, (uint32_t)v);
		histogram_add(&h, far);
		found = histogram_percentile(&h, 50);
		assert_true(found >= v);
		assert_true(found - v <= v / 8);
		assert_int_equal(histogram_percentile(&h, 100), far);
	}
}

static void many_nodes_do_not_delay_the_tail(void **state)
{
	struct histogram h = { 0 };

	(void)state;
	for (int i = 0; i < 9800; i++)
		histogram_add(&h, 30000);
	for (int i = 0; i < 200; i++)
		histogram_add(&h, 900000);
	assert_in_range(histogram_percentile(&h, 50), 30000, 33750);
	assert_in_range(histogram_percentile(&h, 98), 30000, 33750);
	assert_int_equal(histogram_percentile(&h, 99), 900000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_histogram_has_no_percentile),
		cmocka_unit_test(small_values_are_exact),
		cmocka_unit_test(one_value_is_found_within_an_eighth),
		cmocka_unit_test(many_nodes_do_not_delay_the_tail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
