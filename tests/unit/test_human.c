#include "cmd/human.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"

static void sizes_are_short(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *want;
	} rows[] = {
		{ 0, "0 B" },
		{ 1023, "1023 B" },
		{ 1024, "1.00 KiB" },
		{ 10 * 1024, "10.0 KiB" },
		{ 10235, "10.0 KiB" },
		{ 1024 * 1024 - 1, "1.00 MiB" },
		{ 2588 * 1024ULL * 1024, "2.53 GiB" },
		{ 1ULL << 50, "1.00 PiB" },
		{ UINT64_MAX, "16.0 EiB" },
	};
	char out[HUMAN_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(human_size(out, rows[i].bytes), rows[i].want);
}

static void part_is_in_the_unit_of_the_whole(void **state)
{
	static const struct {
		uint64_t part, whole;
		const char *want;
	} rows[] = {
		{ 0, 0, "0/0 B" },
		{ 7, 1023, "7/1023 B" },
		{ 0, 1024, "0.00/1.00 KiB" },
		{ 500 << 10, 20 << 20, "0.49/20.0 MiB" },
		{ 1023ULL << 20, 1023ULL << 20, "1023.0/1023.0 MiB" },
		{ 300ULL << 20, 1200ULL << 20, "0.29/1.17 GiB" },
		{ UINT64_MAX, UINT64_MAX, "16.0/16.0 EiB" },
	};
	char out[HUMAN_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(human_part(out, rows[i].part, rows[i].whole),
				    rows[i].want);
}

static void durations_are_short(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *want;
	} rows[] = {
		{ 0, "0 s" },
		{ 59, "59 s" },
		{ 60, "1:00 min" },
		{ 3599, "59:59 min" },
		{ 3600, "1:00 h" },
		{ 7 * 3600 + 125, "7:02 h" },
		{ 50 * 3600, "2 d 2 h" },
		{ UINT64_MAX, "over 1000 d" },
	};
	char out[HUMAN_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(human_duration(out, rows[i].seconds), rows[i].want);
}

static void latencies_have_about_two_digits(void **state)
{
	static const struct {
		uint32_t us;
		const char *want;
	} rows[] = {
		{ 0, "0.00 ms" },   { 250, "0.25 ms" },	  { 3140, "3.1 ms" },
		{ 31400, "31 ms" }, { 999499, "999 ms" }, { 2140000, "2.1 s" },
	};
	char out[HUMAN_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(human_latency(out, rows[i].us), rows[i].want);
}

static void hostile_text_cannot_control_the_terminal(void **state)
{
	static const struct {
		const char *in, *want, *why;
	} rows[] = {
		{ "plain text", "plain text", "left alone" },
		{ "caf\xc3\xa9 \xf0\x9f\x9a\xa2", "caf\xc3\xa9 \xf0\x9f\x9a\xa2",
		  "UTF-8 stays" },
		{ "a\033[2Jb", "a?[2Jb", "escape" },
		{ "a\r\n\tb", "a???b", "line ends and tabs" },
		{ "a\x7f"
		  "b",
		  "a?b", "DEL" },
		{ "a\xc2\x9b"
		  "b",
		  "a?b", "C1 control in UTF-8" },
		{ "a\x9b"
		  "b",
		  "a?b", "C1 control as a byte" },
		{ "a\xe2\x80\xae"
		  "b",
		  "a?b", "right-to-left override" },
		{ "a\xe2\x81\xa6"
		  "b",
		  "a?b", "isolate" },
		{ "\xc0\xaf", "??", "overlong" },
		{ "\xed\xa0\x80", "???", "surrogate" },
		{ "\xf5\x80\x80\x80", "????", "beyond Unicode" },
		{ "\xe2\x82", "??", "cut" },
		{ "\xff", "?", "no UTF-8" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF struct buf out = { 0 };

		buf_init(&out, 256);
		human_clean(&out, nf_slice_str(rows[i].in));
		if (strcmp(out.ptr, rows[i].want) != 0)
			fail_msg("%s: got '%s'", rows[i].why, out.ptr);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_short),
		cmocka_unit_test(part_is_in_the_unit_of_the_whole),
		cmocka_unit_test(durations_are_short),
		cmocka_unit_test(latencies_have_about_two_digits),
		cmocka_unit_test(hostile_text_cannot_control_the_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
