#include "http/stall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define TIMEOUT_MS 30000

/* The time at which a transfer that brings so much each second is given up, or LIMIT. */
static int64_t given_up(struct stall *s, int64_t from, int64_t limit, uint64_t rate)
{
	int64_t now = from;

	while (now < limit && !stall_is_too_slow(s, now, TIMEOUT_MS)) {
		now += 1000;
		stall_took(s, rate);
	}
	return now;
}

static void unsent_request_does_not_stall(void **state)
{
	struct stall s = { 0 };

	(void)state;
	assert_int_equal(given_up(&s, 0, 1000000, 0), 1000000);
}

static void silent_transfer_is_given_up_after_the_timeout(void **state)
{
	struct stall s;

	(void)state;
	stall_begin(&s, 5000);
	assert_int_equal(given_up(&s, 5000, 1000000, 0), 5000 + TIMEOUT_MS);
}

static void trickle_counts_as_silence(void **state)
{
	struct stall s;

	(void)state;
	stall_begin(&s, 0);
	assert_int_equal(given_up(&s, 0, 1000000, 50), TIMEOUT_MS);
	stall_begin(&s, 0);
	assert_int_equal(given_up(&s, 0, 1000000, STALL_FLOOR - 1), TIMEOUT_MS);
	stall_begin(&s, 0);
	assert_int_equal(given_up(&s, 0, 1000000, STALL_FLOOR), 1000000);
}

static void fast_transfer_times_out_soon_after_it_slows_down(void **state)
{
	struct stall s;

	(void)state;
	stall_begin(&s, 0);
	assert_int_equal(given_up(&s, 0, 100000, 1000000), 100000);
	assert_in_range(given_up(&s, 100000, 1000000, 10), 100000 + TIMEOUT_MS,
			100000 + TIMEOUT_MS + TIMEOUT_MS / 8 + 1000);
}

static void late_bytes_count_for_the_whole_timeout(void **state)
{
	struct stall s;

	(void)state;
	stall_begin(&s, 0);
	assert_int_equal(given_up(&s, 0, TIMEOUT_MS - 1000, 0), TIMEOUT_MS - 1000);
	stall_took(&s, STALL_FLOOR * TIMEOUT_MS / 1000);
	assert_false(stall_is_too_slow(&s, TIMEOUT_MS, TIMEOUT_MS));
}

static void our_own_pauses_do_not_count(void **state)
{
	struct stall s;
	int64_t now = 0;

	(void)state;
	stall_begin(&s, 0);
	for (int i = 0; i < 100; i++) {
		now += 20000;
		stall_excuse(&s, 19000);
		stall_took(&s, STALL_FLOOR);
		assert_false(stall_is_too_slow(&s, now, TIMEOUT_MS));
	}
	/* But they do not save one that brings nothing in between. */
	for (int i = 0; i < 60; i++) {
		now += 20000;
		stall_excuse(&s, 19000);
		if (stall_is_too_slow(&s, now, TIMEOUT_MS))
			return;
	}
	fail();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unsent_request_does_not_stall),
		cmocka_unit_test(silent_transfer_is_given_up_after_the_timeout),
		cmocka_unit_test(trickle_counts_as_silence),
		cmocka_unit_test(fast_transfer_times_out_soon_after_it_slows_down),
		cmocka_unit_test(late_bytes_count_for_the_whole_timeout),
		cmocka_unit_test(our_own_pauses_do_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
