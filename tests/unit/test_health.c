#include "caches/health.h"

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

static void cache_that_answered_gets_pauses(void **state)
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

static void failures_in_progress_count_once(void **state)
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

/* Closed, open, half open, and open again for twice as long. */
static void pauses_grow_while_nothing_succeeds(void **state)
{
	static const int64_t pauses[] = { 0, 1000, 2000, 4000, 8000, 16000, 30000 };
	struct health h = { 0 };
	int64_t now = 100;

	(void)state;
	health_event(&h, HEALTH_OK, 0);
	for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
		health_event(&h, i % 2 ? HEALTH_UNREACHABLE : HEALTH_BROKEN, now);
		if (pauses[i])
			assert_false(health_usable(&h, now + pauses[i] - 1));
		now += pauses[i];
		assert_true(health_usable(&h, now));
	}
	assert_false(health_is_gone(&h));
}

static void one_success_closes_it(void **state)
{
	struct health h = { 0 };

	(void)state;
	health_event(&h, HEALTH_OK, 0);
	for (int64_t now = 0; now < 200000; now += 60000)
		health_event(&h, HEALTH_BROKEN, now);
	assert_false(health_usable(&h, 180001));
	/* Requests in progress may still succeed. */
	health_event(&h, HEALTH_OK, 180002);
	assert_true(health_usable(&h, 180002));
	/* And all begins again: the first failure is not held against it, the second is
	 * for a second. */
	health_event(&h, HEALTH_BROKEN, 180010);
	assert_true(health_usable(&h, 180010));
	health_event(&h, HEALTH_BROKEN, 180020);
	assert_false(health_usable(&h, 181019));
	assert_true(health_usable(&h, 181020));
}

static void failures_during_a_pause_do_not_extend_it(void **state)
{
	struct health h = { 0 };

	(void)state;
	health_event(&h, HEALTH_OK, 0);
	health_event(&h, HEALTH_BROKEN, 10);
	health_event(&h, HEALTH_BROKEN, 20);
	for (int64_t now = 21; now < 1020; now++)
		health_event(&h, HEALTH_UNREACHABLE, now);
	assert_true(health_usable(&h, 1020));
}

/* It can be reached, so it gets five attempts, as each request does. */
static void cache_that_never_succeeded_gets_five_attempts(void **state)
{
	struct health h = { 0 };
	int64_t now = 0;
	int events = 0;

	(void)state;
	while (!health_is_gone(&h) && events < 100) {
		health_event(&h, HEALTH_BROKEN, now);
		now += 60000;
		events++;
	}
	assert_int_equal(events, 5);
}

static void first_requests_that_fail_together_count_once(void **state)
{
	struct health h = { 0 };

	(void)state;
	for (int64_t now = 0; now < 100; now++)
		health_event(&h, HEALTH_BROKEN, now);
	assert_true(health_usable(&h, 100));
	assert_int_equal(h.failures, 1);
	health_event(&h, HEALTH_BROKEN, 5000);
	assert_false(health_usable(&h, 5001));
	assert_false(health_is_gone(&h));
}

static void refused_connection_counts_beside_other_failures(void **state)
{
	struct health h = { 0 };

	(void)state;
	health_event(&h, HEALTH_BROKEN, 0);
	health_event(&h, HEALTH_UNREACHABLE, 1);
	assert_true(health_is_gone(&h));
}

static void quarantine_is_permanent(void **state)
{
	struct health h = { 0 };

	(void)state;
	for (int i = 0; i < 3; i++)
		health_event(&h, HEALTH_LIED, 0);
	health_event(&h, HEALTH_OK, 1);
	assert_true(health_is_gone(&h));
	assert_false(health_usable(&h, INT64_MAX));
}

static void third_lie_drops_the_cache(void **state)
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
		cmocka_unit_test(cache_that_answered_gets_pauses),
		cmocka_unit_test(failures_in_progress_count_once),
		cmocka_unit_test(a_cache_that_disappears_for_good_is_given_up),
		cmocka_unit_test(pauses_grow_while_nothing_succeeds),
		cmocka_unit_test(one_success_closes_it),
		cmocka_unit_test(failures_during_a_pause_do_not_extend_it),
		cmocka_unit_test(cache_that_never_succeeded_gets_five_attempts),
		cmocka_unit_test(first_requests_that_fail_together_count_once),
		cmocka_unit_test(refused_connection_counts_beside_other_failures),
		cmocka_unit_test(third_lie_drops_the_cache),
		cmocka_unit_test(quarantine_is_permanent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
