#include "caches/patience.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "caches/health.h"

#define HOUR_MS (3600 * 1000LL)

static void without_patience_attempts_end_as_usual(void **state)
{
	struct patience p;
	struct retry_failure f = { .attempt = 1, .retry_after_s = -1 };

	(void)state;
	patience_begin(&p, 0, 1000);
	assert_int_equal(patience_left_ms(&p, 1000), 0);
	assert_true(patience_delay_ms(&p, 1000, &f, UINT32_MAX) >= 0);
	f.attempt = RETRY_ATTEMPTS;
	assert_int_equal(patience_delay_ms(&p, 1000, &f, UINT32_MAX), -1);
}

static void patience_ends_after_the_limit_without_progress(void **state)
{
	struct patience p;

	(void)state;
	patience_begin(&p, 2 * HOUR_MS, 0);
	assert_int_equal(patience_left_ms(&p, HOUR_MS), HOUR_MS);
	assert_int_equal(patience_left_ms(&p, 2 * HOUR_MS), 0);
	patience_progress(&p, HOUR_MS);
	assert_int_equal(patience_left_ms(&p, 2 * HOUR_MS), HOUR_MS);
	assert_int_equal(patience_left_ms(&p, 3 * HOUR_MS), 0);
	assert_int_equal(patience_left_ms(&p, 9 * HOUR_MS), 0);
}

/* In a night without the cache, each request is sent a few hundred times, not more. */
static void attempts_are_few_and_end_with_the_patience(void **state)
{
	struct patience p;
	struct retry_failure f = { .retry_after_s = -1 };
	int64_t now = 0, delay;
	unsigned attempts = 0;

	(void)state;
	patience_begin(&p, 8 * HOUR_MS, now);
	while (attempts < 100000) {
		f.attempt = ++attempts;
		delay = patience_delay_ms(&p, now, &f, UINT32_MAX);
		if (delay < 0)
			break;
		assert_true(now + delay <= 8 * HOUR_MS);
		now += delay;
	}
	assert_in_range(attempts, 400, 600);
	assert_int_equal(now, 8 * HOUR_MS);
}

/* ---- with a cache's health: a cache that is down from 0 on, asked whenever it may be */

struct outage {
	struct patience patience;
	struct health health;
	unsigned asked;
};

static void outage_turn(struct outage *o, int64_t now, bool is_up)
{
	bool patient = patience_left_ms(&o->patience, now) > 0;

	health_set_patient(&o->health, patient);
	if (!health_usable(&o->health, now))
		return;
	o->asked++;
	health_event(&o->health, is_up ? HEALTH_OK : HEALTH_UNREACHABLE, now);
	if (is_up)
		patience_progress(&o->patience, now);
}

static void cache_that_never_answered_is_waited_for(void **state)
{
	struct outage o = { .asked = 0 };
	int64_t now = 0;

	(void)state;
	patience_begin(&o.patience, 2 * HOUR_MS, now);
	for (; now < HOUR_MS; now += 200) {
		outage_turn(&o, now, false);
		assert_false(health_is_gone(&o.health));
		assert_true(health_is_waited_for(&o.health));
	}
	/* One question in each half minute. */
	assert_in_range(o.asked, 100, 140);
	for (; now < HOUR_MS + 40000; now += 200)
		outage_turn(&o, now, true);
	assert_false(health_is_waited_for(&o.health));
	assert_true(health_usable(&o.health, now));
}

static void cache_that_does_not_return_is_given_up(void **state)
{
	struct outage o = { .asked = 0 };
	int64_t now = 0;

	(void)state;
	patience_begin(&o.patience, 60000, now);
	outage_turn(&o, now, true);
	while (!health_is_gone(&o.health) && now < HOUR_MS)
		outage_turn(&o, now += 200, false);
	assert_int_equal(now, 60000);
	outage_turn(&o, now + HOUR_MS, true);
	assert_true(health_is_gone(&o.health));
}

static void working_cache_is_kept_after_the_time_limit(void **state)
{
	struct outage o = { .asked = 0 };

	(void)state;
	patience_begin(&o.patience, 1000, 0);
	outage_turn(&o, 0, true);
	outage_turn(&o, 5000, true);
	assert_false(health_is_gone(&o.health));
}

/* A liar is not waited for. */
static void lying_cache_is_dropped_at_once(void **state)
{
	struct outage o = { .asked = 0 };

	(void)state;
	patience_begin(&o.patience, HOUR_MS, 0);
	outage_turn(&o, 0, true);
	for (int i = 0; i < 3; i++)
		health_event(&o.health, HEALTH_LIED, 100);
	assert_true(health_is_gone(&o.health));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_patience_attempts_end_as_usual),
		cmocka_unit_test(patience_ends_after_the_limit_without_progress),
		cmocka_unit_test(attempts_are_few_and_end_with_the_patience),
		cmocka_unit_test(cache_that_never_answered_is_waited_for),
		cmocka_unit_test(cache_that_does_not_return_is_given_up),
		cmocka_unit_test(working_cache_is_kept_after_the_time_limit),
		cmocka_unit_test(lying_cache_is_dropped_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
