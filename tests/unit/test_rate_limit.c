#include "http/rate_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define K 1024ULL
#define M (1024ULL * 1024)

static void use_zone(const char *tz)
{
	setenv("TZ", tz, 1);
	tzset();
}

static void add_window(struct rate_schedule *s, const char *text)
{
	struct nf_err err;

	if (rate_schedule_add(s, text, &err))
		fail_msg("%s", err.text);
}

/* The rate at HH:MM of a summer's day in UTC. */
static uint64_t at(const struct rate_schedule *s, int hour, int minute)
{
	struct tm day = { .tm_year = 126, .tm_mon = 6, .tm_mday = 1 };

	day.tm_hour = hour;
	day.tm_min = minute;
	return rate_schedule_at(s, timegm(&day));
}

/* ---- what is written ---- */

static void rates_have_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t rate;
	} rows[] = {
		{ "none", 0 },	       { "0", 0 },	{ "0K", 0 },
		{ "4096", 4096 },      { "4K", 4 * K }, { "500k", 500 * K },
		{ "2M", 2 * M },       { "2m", 2 * M }, { "1G", 1024 * M },
		{ "1024G", RATE_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rate_schedule s = { .rate = 77 };

		add_window(&s, rows[i].text);
		if (s.rate != rows[i].rate || s.count)
			fail_msg("%s", rows[i].text);
	}
}

static void invalid_text_is_quoted(void **state)
{
	static const struct {
		const char *text, *cause;
	} rows[] = {
		{ "", "the rate" },
		{ "fast", "the rate" },
		{ "K", "the rate" },
		{ "-1M", "the rate" },
		{ "2MB", "the rate" },
		{ "1.5M", "the rate" },
		{ "2 M", "the rate" },
		{ "1", "the rate" },
		{ "4095", "the rate" },
		{ "1025G", "the rate" },
		{ "18446744073709551615G", "the rate" },
		{ "99999999999999999999", "the rate" },
		{ "@08:00-20:00", "the rate" },
		{ "2M@", "the time of day" },
		{ "2M@08:00", "the time of day" },
		{ "2M@8:00-20:00", "the time of day" },
		{ "2M@08:00-20:60", "the time of day" },
		{ "2M@08:00-24:01", "the time of day" },
		{ "2M@24:00-08:00", "the time of day" },
		{ "2M@25:00-08:00", "the time of day" },
		{ "2M@08:00-08:00", "the time of day" },
		{ "2M@08:00-20:00-21:00", "the time of day" },
		{ "2M@08:00-20:00@09:00-10:00", "the time of day" },
		{ "2M@08-20", "the time of day" },
		{ "2M@ 8:00-20:00", "the time of day" },
		{ "2M@+8:00-20:00", "the time of day" },
	};
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rate_schedule s = { 0 }, before = s;

		if (rate_schedule_add(&s, rows[i].text, &err) != -NF_E_USAGE)
			fail_msg("'%s' was taken", rows[i].text);
		assert_non_null(strstr(err.text, rows[i].text));
		assert_non_null(strstr(err.text, rows[i].cause));
		assert_memory_equal(&s, &before, sizeof(s));
	}
}

static void number_of_rate_windows_is_limited(void **state)
{
	struct rate_schedule s = { 0 };
	struct nf_err err;

	(void)state;
	for (int i = 0; i < RATE_WINDOWS_MAX; i++)
		add_window(&s, "2M@08:00-20:00");
	assert_int_equal(rate_schedule_add(&s, "2M@08:00-20:00", &err), -NF_E_USAGE);
}

/* ---- by the clock ---- */

static void window_excludes_its_last_minute(void **state)
{
	struct rate_schedule s = { 0 };

	(void)state;
	use_zone("UTC");
	add_window(&s, "2M@08:00-20:00");
	assert_int_equal(at(&s, 7, 59), 0);
	assert_int_equal(at(&s, 8, 0), 2 * M);
	assert_int_equal(at(&s, 19, 59), 2 * M);
	assert_int_equal(at(&s, 20, 0), 0);
}

static void window_spans_midnight(void **state)
{
	struct rate_schedule s = { 0 };

	(void)state;
	use_zone("UTC");
	add_window(&s, "8M");
	add_window(&s, "none@22:30-06:15");
	assert_int_equal(at(&s, 22, 29), 8 * M);
	assert_int_equal(at(&s, 22, 30), 0);
	assert_int_equal(at(&s, 23, 59), 0);
	assert_int_equal(at(&s, 0, 0), 0);
	assert_int_equal(at(&s, 6, 14), 0);
	assert_int_equal(at(&s, 6, 15), 8 * M);
}

static void a_day_ends_at_24(void **state)
{
	struct rate_schedule s = { 0 };

	(void)state;
	use_zone("UTC");
	add_window(&s, "1M@20:00-24:00");
	assert_int_equal(at(&s, 23, 59), 1 * M);
	assert_int_equal(at(&s, 0, 0), 0);
	add_window(&s, "3M@00:00-24:00");
	assert_int_equal(at(&s, 0, 0), 3 * M);
	assert_int_equal(at(&s, 23, 59), 3 * M);
}

static void the_last_of_overlapping_windows_counts(void **state)
{
	struct rate_schedule s = { 0 };

	(void)state;
	use_zone("UTC");
	add_window(&s, "2M@08:00-20:00");
	add_window(&s, "none@12:00-13:00");
	add_window(&s, "5M");
	assert_int_equal(at(&s, 11, 59), 2 * M);
	assert_int_equal(at(&s, 12, 30), 0);
	assert_int_equal(at(&s, 13, 0), 2 * M);
	assert_int_equal(at(&s, 21, 0), 5 * M);
	assert_int_equal(rate_schedule_lowest(&s), 2 * M);
}

static void no_limits_have_no_minimum(void **state)
{
	struct rate_schedule s = { 0 };

	(void)state;
	add_window(&s, "none@12:00-13:00");
	assert_int_equal(rate_schedule_lowest(&s), 0);
	add_window(&s, "7M@01:00-02:00");
	assert_int_equal(rate_schedule_lowest(&s), 7 * M);
}

/* Central Europe, 2026: on 29 March 02:00 is 03:00, on 25 October 03:00 is 02:00 again.
 */
static void local_time_may_jump(void **state)
{
	const time_t spring = 1774746000; /* 2026-03-29 01:00 UTC */
	const time_t autumn = 1792890000; /* 2026-10-25 01:00 UTC */
	struct rate_schedule skipped = { 0 }, night = { 0 };

	(void)state;
	use_zone("CET-1CEST,M3.5.0,M10.5.0/3");
	add_window(&skipped, "1M@02:00-03:00");
	assert_int_equal(rate_schedule_at(&skipped, spring - 1), 0); /* 01:59:59 */
	assert_int_equal(rate_schedule_at(&skipped, spring), 0);     /* 03:00 */
	assert_int_equal(rate_schedule_at(&skipped, spring - 24 * 3600), 1 * M);
	/* That hour comes twice. */
	assert_int_equal(rate_schedule_at(&skipped, autumn - 3600 - 1), 0);
	assert_int_equal(rate_schedule_at(&skipped, autumn - 3600), 1 * M);
	assert_int_equal(rate_schedule_at(&skipped, autumn - 1), 1 * M);
	assert_int_equal(rate_schedule_at(&skipped, autumn), 1 * M);
	assert_int_equal(rate_schedule_at(&skipped, autumn + 3600), 0);

	add_window(&night, "4M@22:00-06:00");
	assert_int_equal(rate_schedule_at(&night, spring), 4 * M);
	assert_int_equal(rate_schedule_at(&night, spring + 3 * 3600 - 1), 4 * M);
	assert_int_equal(rate_schedule_at(&night, spring + 3 * 3600), 0); /* 06:00 */
	use_zone("UTC");
}

/* ---- the bucket ---- */

/* Reads PIECE bytes whenever it may, for MS, from *now on; returns what it read. */
static uint64_t read_for(struct rate_limit *l, int64_t *now, int64_t ms, time_t wall,
			 uint64_t piece)
{
	int64_t start = *now, wait;
	uint64_t sum = 0;

	while (*now - start < ms) {
		wait = rate_limit_wait(l, *now, wall + (*now - start) / 1000);
		if (wait) {
			*now += wait;
			continue;
		}
		rate_limit_took(l, piece);
		sum += piece;
		*now += 1; /* that, too, takes time */
	}
	return sum;
}

static struct rate_limit limit_of(const char *text)
{
	struct rate_schedule s = { 0 };
	struct rate_limit l;

	add_window(&s, text);
	rate_limit_init(&l, &s);
	return l;
}

static void rate_is_kept_for_any_piece_size(void **state)
{
	static const uint64_t pieces[] = { 1000, 16 * 1024, 256 * 1024, 3000000 };

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct rate_limit l = limit_of("1M");
		int64_t now = 1000;
		uint64_t sum = read_for(&l, &now, 60000, 0, pieces[i]);

		/* A piece of 1000 bytes a millisecond is below the limit. */
		if (i == 0)
			assert_in_range(sum, 59000000, 60000000);
		else
			assert_in_range(sum, 60 * M - M / 10,
					60 * M + pieces[i] + M / 10);
	}
}

static void no_limit_never_waits(void **state)
{
	struct rate_limit l = limit_of("none");
	int64_t now = 1;

	(void)state;
	assert_int_equal(read_for(&l, &now, 1000, 0, 1 << 20), 1000ULL << 20);
}

static void unused_rate_does_not_accumulate(void **state)
{
	struct rate_limit l = limit_of("1M");
	int64_t now = 5000;

	(void)state;
	read_for(&l, &now, 1000, 0, 16 * 1024);
	now += 3600 * 1000;
	assert_in_range(read_for(&l, &now, 1000, 0, 16 * 1024), M, M + M / 5);
	now += INT64_MAX / 2;
	assert_in_range(read_for(&l, &now, 1000, 0, 16 * 1024), M, M + M / 5);
}

static void window_begins_while_bytes_arrive(void **state)
{
	struct rate_limit l = limit_of("1M@08:00-20:00");
	const time_t before = 8 * 3600 - 10;
	int64_t now = 1000;
	uint64_t first, second;

	(void)state;
	use_zone("UTC");
	first = read_for(&l, &now, 10000, before, 256 * 1024);
	assert_int_equal(first, 10000ULL * 256 * 1024);
	second = read_for(&l, &now, 10000, before + 10, 256 * 1024);
	assert_in_range(second, 9 * M - M / 10, 10 * M + M / 2);
}

static void a_debt_of_a_higher_rate_is_not_paid_for_minutes(void **state)
{
	struct rate_schedule s = { 0 };
	struct rate_limit l;
	int64_t now = 1000, waited = 0, ms;

	(void)state;
	use_zone("UTC");
	add_window(&s, "1G");
	add_window(&s, "64K@08:00-20:00");
	rate_limit_init(&l, &s);
	assert_int_equal(rate_limit_wait(&l, now, 0), 0);
	rate_limit_took(&l, 100 * M);
	while ((ms = rate_limit_wait(&l, now, 8 * 3600)) != 0) {
		waited += ms;
		now += ms;
	}
	assert_in_range(waited, 1, 1001);
}

static void long_wait_is_rechecked(void **state)
{
	struct rate_limit l = limit_of("4K@08:00-20:00");

	(void)state;
	use_zone("UTC");
	assert_int_equal(rate_limit_wait(&l, 1000, 20 * 3600 - 1), 0);
	rate_limit_took(&l, 100 * M);
	assert_int_equal(rate_limit_wait(&l, 1001, 20 * 3600 - 1), 1000);
	assert_int_equal(rate_limit_wait(&l, 2001, 20 * 3600), 0);
}

static void clock_set_back_adds_no_tokens(void **state)
{
	struct rate_limit l = limit_of("1M");

	(void)state;
	assert_int_equal(rate_limit_wait(&l, 5000, 0), 0);
	rate_limit_took(&l, M);
	assert_int_equal(rate_limit_wait(&l, 4000, 0), 1000);
	assert_int_equal(rate_limit_wait(&l, 5000, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_have_units),
		cmocka_unit_test(invalid_text_is_quoted),
		cmocka_unit_test(number_of_rate_windows_is_limited),
		cmocka_unit_test(window_excludes_its_last_minute),
		cmocka_unit_test(window_spans_midnight),
		cmocka_unit_test(a_day_ends_at_24),
		cmocka_unit_test(the_last_of_overlapping_windows_counts),
		cmocka_unit_test(no_limits_have_no_minimum),
		cmocka_unit_test(local_time_may_jump),
		cmocka_unit_test(rate_is_kept_for_any_piece_size),
		cmocka_unit_test(no_limit_never_waits),
		cmocka_unit_test(unused_rate_does_not_accumulate),
		cmocka_unit_test(window_begins_while_bytes_arrive),
		cmocka_unit_test(a_debt_of_a_higher_rate_is_not_paid_for_minutes),
		cmocka_unit_test(long_wait_is_rechecked),
		cmocka_unit_test(clock_set_back_adds_no_tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
