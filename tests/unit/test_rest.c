#include "fetch/rest.h"

#include "expect.h"

#include "base/cleanup.h"

static void the_rest_is_what_all_nodes_lack(void **state)
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

static void more_than_was_told_is_a_rest_too(void **state)
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rest_is_what_all_nodes_lack),
		cmocka_unit_test(more_than_was_told_is_a_rest_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
