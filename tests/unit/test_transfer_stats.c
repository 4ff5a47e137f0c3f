#include "http/transfer_stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "http/transfer.h"

static void throughput_counts_only_time_with_nars(void **state)
{
	struct transfer_stats s = { 0 };
	struct transfer_done ok = { .status = 200 };

	(void)state;
	transfer_stats_begin(&s, true, 1000);
	transfer_stats_begin(&s, true, 1500);
	transfer_stats_bytes(&s, true, 700000);
	transfer_stats_end(&s, true, &ok, 1800);
	transfer_stats_end(&s, true, &ok, 2000);
	transfer_stats_begin(&s, false, 3000);
	transfer_stats_bytes(&s, false, 50000);
	transfer_stats_end(&s, false, &ok, 4000);
	transfer_stats_begin(&s, true, 5000);
	transfer_stats_bytes(&s, true, 300000);
	transfer_stats_end(&s, true, NULL, 6000);
	assert_int_equal(transfer_stats_throughput(&s), 500000);
	assert_int_equal(s.requests, 4);
	assert_int_equal(s.bytes, 1050000);
	assert_int_equal(s.nar_bytes, 1000000);
}

static void zero_time_has_no_throughput(void **state)
{
	struct transfer_stats s = { 0 };
	struct transfer_done ok = { .status = 200 };

	(void)state;
	transfer_stats_begin(&s, true, 7);
	transfer_stats_bytes(&s, true, 10);
	transfer_stats_end(&s, true, &ok, 7);
	assert_int_equal(transfer_stats_throughput(&s), 0);
}

static void latency_is_that_of_answers(void **state)
{
	struct transfer_stats s = { 0 };
	struct transfer_done answered = { .status = 404, .answer_s = 0.000010 };
	struct transfer_done none = { .rc = -NF_E_NET, .answer_s = 5 };

	(void)state;
	transfer_stats_begin(&s, false, 0);
	transfer_stats_end(&s, false, &answered, 1);
	transfer_stats_begin(&s, false, 0);
	transfer_stats_end(&s, false, &none, 1);
	assert_int_equal(s.narinfo_us.count, 1);
	assert_int_equal(histogram_percentile(&s.narinfo_us, 50), 10);
	assert_int_equal(s.nar_us.count, 0);
}

static void a_cache_that_forbids_everything_is_told_from_one_that_lacks_something(
	void **state)
{
	struct transfer_stats s = { 0 };
	struct transfer_done forbidden = { .status = 403 }, ok = { .status = 200 };
	struct transfer_done down = { .rc = -NF_E_NET };

	(void)state;
	assert_false(transfer_stats_all_forbidden(&s));
	transfer_stats_end(&s, false, &down, 1);
	assert_false(transfer_stats_all_forbidden(&s));
	transfer_stats_end(&s, false, &forbidden, 1);
	transfer_stats_end(&s, false, &forbidden, 1);
	assert_true(transfer_stats_all_forbidden(&s));
	transfer_stats_end(&s, false, &ok, 1);
	assert_false(transfer_stats_all_forbidden(&s));
}

static void redirects_are_requests(void **state)
{
	struct transfer_stats s = { 0 };
	struct transfer_done d = { .status = 200, .redirects = 2 };

	(void)state;
	transfer_stats_begin(&s, true, 0);
	transfer_stats_end(&s, true, &d, 1);
	assert_int_equal(s.requests, 3);
}

static const struct stats_row {
	bool nar;
	struct transfer_done done;
	enum transfer_failure want; /* TRANSFER_FAILURES: none */
	const char *why;
} rows[] = {
	{ true, { .status = 200 }, TRANSFER_FAILURES, "it came" },
	{ true, { .status = 206 }, TRANSFER_FAILURES, "a part came" },
	{ false, { .status = 404 }, TRANSFER_FAILURES, "a cache need not have a path" },
	{ true, { .status = 404 }, TRANSFER_FAILED_ABSENT, "its narinfo promised it" },
	{ false, { .status = 503 }, TRANSFER_FAILED_STATUS, "overloaded" },
	{ false, { .status = 401 }, TRANSFER_FAILED_STATUS, "credentials" },
	{ true,
	  { .rc = -NF_E_HASH, .status = 200 },
	  TRANSFER_FAILURES,
	  "not its verdict" },
	{ true, { .rc = -NF_E_NET }, TRANSFER_FAILED_BREAK, "broke off" },
	{ true,
	  { .rc = -NF_E_NET, .cause = TRANSFER_NO_HOST },
	  TRANSFER_FAILED_REACH,
	  "no such host" },
	{ true,
	  { .rc = -NF_E_NET, .cause = TRANSFER_REFUSED },
	  TRANSFER_FAILED_REACH,
	  "refused" },
	{ false,
	  { .rc = -NF_E_NET, .cause = TRANSFER_TIMEOUT },
	  TRANSFER_FAILED_TIME,
	  "no connection in time" },
	{ false,
	  { .rc = -NF_E_NET, .cause = TRANSFER_TIMEOUT, .stalled = true },
	  TRANSFER_FAILED_STALL,
	  "silent" },
	{ false, { .rc = -NF_E_NET, .cause = TRANSFER_TLS }, TRANSFER_FAILED_TLS, "TLS" },
};

static void failures_are_distinguished(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct transfer_stats s = { 0 };
		bool fails = rows[i].want != TRANSFER_FAILURES;

		transfer_stats_begin(&s, rows[i].nar, 0);
		transfer_stats_end(&s, rows[i].nar, &rows[i].done, 1);
		if (transfer_stats_failures(&s) != fails)
			fail_msg("%s", rows[i].why);
		if (fails && s.failures[rows[i].want] != 1)
			fail_msg("%s", rows[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(throughput_counts_only_time_with_nars),
		cmocka_unit_test(zero_time_has_no_throughput),
		cmocka_unit_test(latency_is_that_of_answers),
		cmocka_unit_test(
			a_cache_that_forbids_everything_is_told_from_one_that_lacks_something),
		cmocka_unit_test(redirects_are_requests),
		cmocka_unit_test(failures_are_distinguished),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
