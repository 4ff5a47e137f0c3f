#include "cmd/run_summary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

#define MB (1ULL << 20)

static void expect_summary(const struct fetch_result *r, double seconds, const char *want)
{
	AUTO_BUF struct buf out = { 0 };

	buf_init(&out, 4096);
	buf_add_str(&out, "");
	run_summary_add(&out, r, seconds);
	assert_string_equal(out.ptr, want);
}

/* It sent so many MiB in so many seconds. */
static struct fetch_cache_stats cache(char *url, uint64_t mib, int64_t seconds)
{
	return (struct fetch_cache_stats){
		.url = url,
		.net = { .nar_bytes = mib * MB, .busy_ms = seconds * 1000 },
	};
}

static char fast[] = "http://fast", slow[] = "http://slow\033", other[] = "http://other",
	    local[] = "file:///local", why[] = "it is down";

static void the_slowest_cache_is_compared_with_all(void **state)
{
	struct fetch_cache_stats caches[] = {
		cache(fast, 80, 10),
		cache(slow, 10, 10),
		cache(other, 0, 10),
		cache(local, 1, 100),
	};
	const struct fetch_result r = { .caches = caches,
					.cache_count = 4,
					.fetched_bytes = 90 * MB };

	(void)state;
	caches[3].local = true;
	expect_summary(
		&r, 10,
		"took 10 s, received 90.0 MiB at 9.00 MiB/s\n"
		"http://slow? alone would have sent 10.0/90.0 MiB in that time, and all in 1:30 min\n");
}

static void one_cache_is_compared_with_none(void **state)
{
	struct fetch_cache_stats caches[] = {
		cache(fast, 80, 10),
		cache(other, 0, 0),
		cache(other, 0, 0),
	};
	const struct fetch_result r = { .caches = caches,
					.cache_count = 3,
					.fetched_bytes = 80 * MB };

	(void)state;
	caches[1].left_out = why;
	caches[2].silent_ms = 1;
	expect_summary(
		&r, 10,
		"took 10 s, received 80.0 MiB at 8.00 MiB/s; 2 caches were not used\n");
}

static void short_or_local_runs_say_little(void **state)
{
	const struct fetch_result r = { 0 };

	(void)state;
	expect_summary(&r, 0.9, "");
	expect_summary(&r, 75, "took 1:15 min\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_slowest_cache_is_compared_with_all),
		cmocka_unit_test(one_cache_is_compared_with_none),
		cmocka_unit_test(short_or_local_runs_say_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
