#include "net/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void one_refusal_ends_a_cache_that_never_answered(void **state)
{
	struct health h = { 0 };

	(void)state;
	assert_true(health_usable(&h, 0));
	health_event(&h, HEALTH_UNREACHABLE, 0);
	assert_true(health_is_gone(&h));
	assert_false(health_usable(&h, 1000000));
}

static void a_cache_that_answered_is_given_pauses(void **state)
{
	struct health h = { 0 };

	(void)state;
	health_event(&h, HEALTH_OK, 0);
	health_event(&h, HEALTH_BROKEN, 10);
	assert_true(health_usable(&h, 11));
	health_event(&h, HEALTH_BROKEN, 20);
	assert_false(health_usable(&h, 21));
	assert_false(health_is_gone(&h));
	assert_true(health_usable(&h, 20 + 1000));
	health_event(&h, HEALTH_OK, 1100);
	assert_int_equal(h.failures, 0);
}

static void failures_that_were_under_way_count_once(void **state)
{
	struct health h = { 0 };

	(void)state;
	health_event(&h, HEALTH_OK, 0);
	for (int i = 0; i < 100; i++)
		health_event(&h, HEALTH_BROKEN, 10);
	assert_false(health_is_gone(&h));
	assert_true(health_usable(&h, 60000));
}

static void a_cache_that_disappears_for_good_is_given_up(void **state)
{
	struct health h = { 0 };
	int64_t now = 0;
	int events = 0;

	(void)state;
	health_event(&h, HEALTH_OK, now);
	while (!health_is_gone(&h) && events < 100) {
		now += 60000;
		health_event(&h, HEALTH_UNREACHABLE, now);
		events++;
	}
	assert_int_equal(events, 8);
}

static void the_third_lie_is_the_last(void **state)
{
	struct health h = { 0 };

	(void)state;
	health_event(&h, HEALTH_LIED, 0);
	health_event(&h, HEALTH_OK, 0);
	health_event(&h, HEALTH_LIED, 0);
	assert_true(health_usable(&h, 0));
	health_event(&h, HEALTH_LIED, 0);
	assert_true(health_is_gone(&h));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_refusal_ends_a_cache_that_never_answered),
		cmocka_unit_test(a_cache_that_answered_is_given_pauses),
		cmocka_unit_test(failures_that_were_under_way_count_once),
		cmocka_unit_test(a_cache_that_disappears_for_good_is_given_up),
		cmocka_unit_test(the_third_lie_is_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
