#include "fetch/rest.h"

#include "expect.h"

#include "base/cleanup.h"

static void rest_is_the_sum_of_missing_bytes(void **state)
{
	AUTO(rest_release) struct rest r = REST_INIT;

	(void)state;
	rest_set(&r, 3, 100);
	rest_set(&r, 0, 20);
	assert_int_equal(r.total, 120);
	rest_set(&r, 3, 40);
	assert_int_equal(r.total, 60);
	rest_set(&r, 0, 0);
	rest_set(&r, 0, 0);
	assert_int_equal(r.total, 40);
}

static void rest_may_exceed_the_reported_size(void **state)
{
	AUTO(rest_release) struct rest r = REST_INIT;

	(void)state;
	rest_set(&r, 1000, 10);
	/* Its answer says how large it is; then what came was wrong. */
	rest_set(&r, 1000, 5000000);
	assert_int_equal(r.total, 5000000);
	rest_set(&r, 1000, 1);
	rest_set(&r, 1000, 5000000);
	assert_int_equal(r.total, 5000000);
	rest_set(&r, 1000, 0);
	assert_int_equal(r.total, 0);
}

static void what_has_come_is_the_largest_rest_without_the_rest(void **state)
{
	AUTO(rest_release) struct rest r = REST_INIT;

	(void)state;
	rest_set(&r, 0, 100);
	rest_set(&r, 1, 50);
	assert_int_equal(r.come, 0);
	rest_set(&r, 0, 30);
	rest_set(&r, 1, 0);
	assert_int_equal(r.come, 120);
	/* It turned out to be wrong, and larger. */
	rest_set(&r, 0, 130);
	assert_int_equal(r.come, 50);
	rest_set(&r, 0, 0);
	assert_int_equal(r.come, 180);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rest_is_the_sum_of_missing_bytes),
		cmocka_unit_test(rest_may_exceed_the_reported_size),
		cmocka_unit_test(what_has_come_is_the_largest_rest_without_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
