#include "cmd/progress_view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void speed_is_smoothed(void **state)
{
	struct rate r = { 0 };

	(void)state;
	rate_update(&r, 0, 100);
	assert_true(r.per_second == 0);
	rate_update(&r, 1000, 101);
	assert_true(r.per_second == 1000);
	rate_update(&r, 1000, 101);
	assert_true(r.per_second == 1000);
	/* A second without a byte halves it at most. */
	rate_update(&r, 1000, 102);
	assert_true(r.per_second > 500 && r.per_second < 1000);
	/* Another phase counts from 0. */
	rate_update(&r, 10, 103);
	assert_true(r.per_second == 0);
}

static void line_shows_known_totals_only(void **state)
{
	static const struct {
		struct progress_sample sample;
		const char *want;
	} rows[] = {
		{ { .now = { 0 } }, "starting" },
		{ { .now = { .phase = "packing" } }, "packing" },
		{ { .now = { .phase = "resolving", .resolved = 3, .resolving = 9 } },
		  "resolving: 3 of 9 path infos" },
		{ { .now = { .phase = "resolving", .resolving = 1 } },
		  "resolving: 0 of 1 path info" },
		{ { .now = { .phase = "fetching",
			     .paths_total = 430,
			     .paths_done = 12,
			     .bytes_total = 400 << 20,
			     .bytes_done = 100 << 20,
			     .resolved = 430 },
		    .bytes_per_second = 10 << 20 },
		  "fetching: 12 of 430 paths, 100.0 MiB of 400.0 MiB, 10.0 MiB/s, 30 s left" },
		/* What is slower says when it is over. */
		{ { .now = { .phase = "fetching",
			     .bytes_total = 40 << 20,
			     .bytes_done = 30 << 20,
			     .nar_bytes_total = 200 << 20,
			     .nar_bytes_done = 20 << 20 },
		    .bytes_per_second = 10 << 20,
		    .nar_bytes_per_second = 3 << 20 },
		  "fetching: 30.0 MiB of 40.0 MiB, 10.0 MiB/s, 1:00 min left" },
		{ { .now = { .phase = "compressing",
			     .bytes_total = 40 << 20,
			     .bytes_done = 40 << 20,
			     .nar_bytes_total = 200 << 20,
			     .nar_bytes_done = 140 << 20 },
		    .bytes_per_second = 5,
		    .nar_bytes_per_second = 3 << 20 },
		  "compressing: 140.0 MiB of 200.0 MiB, 3.00 MiB/s, 20 s left" },
		/* While a transfer stalls, the remaining time is unknown. */
		{ { .now = { .phase = "fetching",
			     .bytes_total = 40 << 20,
			     .bytes_done = 30 << 20,
			     .nar_bytes_total = 200 << 20,
			     .nar_bytes_done = 150 << 20 },
		    .bytes_per_second = 0.5,
		    .nar_bytes_per_second = 3 << 20 },
		  "fetching: 30.0 MiB of 40.0 MiB" },
		/* The work has not begun to be measured. */
		{ { .now = { .phase = "fetching",
			     .bytes_total = 40 << 20,
			     .bytes_done = 30 << 20,
			     .nar_bytes_total = 200 << 20 },
		    .bytes_per_second = 10 << 20 },
		  "fetching: 30.0 MiB of 40.0 MiB, 10.0 MiB/s, 1 s left" },
		{ { .now = { .phase = "unpacking",
			     .paths_total = 2,
			     .bytes_total = 400 << 20,
			     .bytes_done = 100 << 20 } },
		  "unpacking: 0 of 2 paths, 100.0 MiB of 400.0 MiB" },
		{ { .now = { .phase = "checking", .paths_done = 7, .bytes_done = 1024 } },
		  "checking: 7 paths, 1.00 KiB" },
		{ { .now = { .phase = "checking", .paths_done = 1 } },
		  "checking: 1 path" },
		{ { .now = { .phase = "checking", .paths_done = 1, .paths_total = 2 } },
		  "checking: 1 of 2 paths" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF struct buf out = { 0 };

		buf_init(&out, 512);
		progress_view_line(&out, &rows[i].sample);
		assert_string_equal(out.ptr, rows[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(speed_is_smoothed),
		cmocka_unit_test(line_shows_known_totals_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
