#include "http/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void status_determines_the_next_step(void **state)
{
	static const struct {
		long status;
		enum retry_verdict verdict;
		const char *why;
	} rows[] = {
		{ 200, RETRY_OK, "it is here" },
		{ 206, RETRY_OK, "the range is here" },
		{ 404, RETRY_ABSENT, "not found" },
		{ 410, RETRY_ABSENT, "gone" },
		{ 403, RETRY_ABSENT, "an object store without the object" },
		{ 401, RETRY_NEVER, "credentials are wanted" },
		{ 407, RETRY_NEVER, "the proxy wants credentials" },
		{ 400, RETRY_NEVER, "it will be bad again" },
		{ 408, RETRY_LATER, "the server's time-out" },
		{ 429, RETRY_LATER, "too many requests" },
		{ 500, RETRY_LATER, "an error of the moment" },
		{ 503, RETRY_LATER, "overloaded" },
		{ 501, RETRY_NEVER, "not implemented" },
		{ 502, RETRY_LATER, "what is behind it is away" },
		{ 504, RETRY_LATER, "what is behind it is late" },
		{ 505, RETRY_NEVER, "version not supported" },
		{ 511, RETRY_NEVER, "the network wants a login" },
		{ 416, RETRY_NEVER, "no such range" },
		{ 304, RETRY_NEVER, "nobody asked whether it changed" },
		{ 0, RETRY_LATER, "the transfer broke" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (retry_judge(rows[i].status) != rows[i].verdict)
			fail_msg("status %ld: %s", rows[i].status, rows[i].why);
	}
}

static void the_pause_doubles_within_its_ceiling(void **state)
{
	(void)state;
	assert_int_equal(retry_delay_ms(1, 500, -1, UINT32_MAX), 250);
	assert_int_equal(retry_delay_ms(2, 500, -1, UINT32_MAX), 500);
	assert_int_equal(retry_delay_ms(4, 500, -1, UINT32_MAX), 2000);
	assert_int_equal(retry_delay_ms(1, 500, -1, 0), 0);
	assert_int_equal(retry_delay_ms(1, 503, -1, UINT32_MAX), 5000);
	assert_int_equal(retry_delay_ms(4, 429, -1, UINT32_MAX), 40000);
}

static void retry_after_is_a_capped_minimum(void **state)
{
	(void)state;
	assert_int_equal(retry_delay_ms(1, 503, 7, 0), 7000);
	assert_int_equal(retry_delay_ms(1, 503, 1, UINT32_MAX), 5000);
	assert_int_equal(retry_delay_ms(1, 503, 86400, 0), 300000);
}

static void retry_after_cannot_overflow(void **state)
{
	(void)state;
	assert_int_equal(retry_delay_ms(1, 429, INT64_MAX, UINT32_MAX), 300000);
	assert_int_equal(retry_delay_ms(1, 500, 0, 0), 0);
	/* It does not make more attempts. */
	assert_int_equal(retry_delay_ms(5, 503, 7, 0), -1);
}

/* Full jitter: anything from none to all of the ceiling, all of it as likely. */
static void pauses_are_spread_evenly(void **state)
{
	enum {
		TENTHS = 10,
		TRIES = 100000
	};
	static const struct {
		unsigned attempt;
		long status;
		int64_t ceiling;
	} rows[] = {
		{ 1, 0, 250 },	  { 2, 500, 500 },   { 3, 408, 1000 },	{ 4, 504, 2000 },
		{ 1, 429, 5000 }, { 2, 503, 10000 }, { 3, 503, 20000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned in[TENTHS] = { 0 };

		for (uint32_t k = 0; k < TRIES; k++) {
			int64_t ms = retry_delay_ms(rows[i].attempt, rows[i].status, -1,
						    k * (UINT32_MAX / TRIES));

			assert_in_range(ms, 0, rows[i].ceiling - 1);
			in[ms * TENTHS / rows[i].ceiling]++;
		}
		for (unsigned k = 0; k < TENTHS; k++)
			assert_in_range(in[k], TRIES / TENTHS * 9 / 10,
					TRIES / TENTHS * 11 / 10);
	}
}

static void there_are_five_attempts(void **state)
{
	(void)state;
	assert_int_not_equal(retry_delay_ms(4, 500, -1, 1), -1);
	assert_int_equal(retry_delay_ms(5, 500, -1, 1), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_determines_the_next_step),
		cmocka_unit_test(the_pause_doubles_within_its_ceiling),
		cmocka_unit_test(retry_after_is_a_capped_minimum),
		cmocka_unit_test(retry_after_cannot_overflow),
		cmocka_unit_test(pauses_are_spread_evenly),
		cmocka_unit_test(there_are_five_attempts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
