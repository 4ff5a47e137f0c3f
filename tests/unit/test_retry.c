#include "net/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void an_answer_says_what_to_do_next(void **state)
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
		{ 505, RETRY_NEVER, "version not supported" },
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

static void retry_after_is_a_floor_that_is_believed_within_reason(void **state)
{
	(void)state;
	assert_int_equal(retry_delay_ms(1, 503, 7, 0), 7000);
	assert_int_equal(retry_delay_ms(1, 503, 1, UINT32_MAX), 5000);
	assert_int_equal(retry_delay_ms(1, 503, 86400, 0), 300000);
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
		cmocka_unit_test(an_answer_says_what_to_do_next),
		cmocka_unit_test(the_pause_doubles_within_its_ceiling),
		cmocka_unit_test(retry_after_is_a_floor_that_is_believed_within_reason),
		cmocka_unit_test(there_are_five_attempts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
