#include "base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/slice.h"

static void sizes_are_bytes_or_powers_of_1024(void **state)
{
	static const struct {
		const char *text;
		uint64_t want;
	} rows[] = {
		{ "0", 0 },
		{ "4096", 4096 },
		{ "500K", 500 << 10 },
		{ "500k", 500 << 10 },
		{ "20G", 20ULL << 30 },
		{ "1T", 1ULL << 40 },
		{ "16777215T", 16777215ULL << 40 },
	};
	uint64_t got;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_true(units_parse_size(nf_slice_str(rows[i].text), &got));
		assert_int_equal(got, rows[i].want);
	}
}

static void durations_are_seconds_or_their_multiples(void **state)
{
	static const struct {
		const char *text;
		uint64_t want;
	} rows[] = {
		{ "90s", 90 }, { "10m", 600 },	   { "2h", 7200 },
		{ "0d", 0 },   { "30d", 2592000 }, { "7", 70 },
	};
	uint64_t got;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_true(units_parse_duration(nf_slice_str(rows[i].text), 10, &got));
		assert_int_equal(got, rows[i].want);
	}
}

static void invalid_amounts_are_refused(void **state)
{
	static const char *const rows[] = {
		"",
		"K",
		"s",
		"-1",
		"+1",
		"1.5G",
		"1 G",
		"1GB",
		"01",
		"0x10",
		"1P",
		"1 s",
		"2w",
		"1h30m",
		"\xc3\xa4",
		"16777216T",
		"18446744073709551616",
	};
	uint64_t got;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (units_parse_size(nf_slice_str(rows[i]), &got))
			fail_msg("'%s' is taken for a size", rows[i]);
		if (units_parse_duration(nf_slice_str(rows[i]), 1, &got))
			fail_msg("'%s' is taken for a duration", rows[i]);
	}
	assert_false(units_parse_duration(nf_slice_str("999999999999999999d"), 1, &got));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_bytes_or_powers_of_1024),
		cmocka_unit_test(durations_are_seconds_or_their_multiples),
		cmocka_unit_test(invalid_amounts_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
