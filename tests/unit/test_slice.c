#include "base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void a_slice_is_cut_at_each_separator(void **state)
{
	struct nf_slice rest = NF_SLICE_LIT("a,,b,");
	static const char *const want[] = { "a", "", "b", "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		assert_non_null(rest.ptr);
		assert_true(nf_slice_is(slice_cut(&rest, ','), want[i]));
	}
	/* An empty rest after a separator is not the end. */
	assert_null(rest.ptr);
	assert_int_equal(slice_cut(&rest, ',').len, 0);
}

static void prefixes_and_suffixes_are_whole(void **state)
{
	struct nf_slice s = NF_SLICE_LIT("nar/x.nar");

	(void)state;
	assert_false(slice_skip_prefix(&s, "nar/x.nar.xz"));
	assert_true(nf_slice_is(s, "nar/x.nar"));
	assert_true(slice_skip_prefix(&s, "nar/"));
	assert_true(nf_slice_is(s, "x.nar"));
	assert_true(slice_skip_prefix(&s, ""));
	assert_true(slice_ends_with(s, ".nar"));
	assert_true(slice_ends_with(s, "x.nar"));
	assert_false(slice_ends_with(s, "/x.nar"));
	assert_false(slice_ends_with(s, ".na"));
}

static void white_space_is_trimmed_at_both_ends(void **state)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
		{ " \t\r\na b\n\r\t ", "a b" }, { "a", "a" }, { "", "" }, { " \n ", "" },
		{ "\va\f", "\va\f" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_true(
			nf_slice_is(slice_trim(nf_slice_str(rows[i].in)), rows[i].want));
}

static void numbers_have_one_spelling(void **state)
{
	static const struct {
		const char *in;
		bool ok;
		uint64_t want;
	} rows[] = {
		{ "0", true, 0 },
		{ "9", true, 9 },
		{ "18446744073709551615", true, UINT64_MAX },
		{ "18446744073709551616", false, 0 },
		{ "99999999999999999999", false, 0 },
		{ "", false, 0 },
		{ "00", false, 0 },
		{ "01", false, 0 },
		{ "+1", false, 0 },
		{ "-1", false, 0 },
		{ " 1", false, 0 },
		{ "1 ", false, 0 },
		{ "0x1", false, 0 },
		{ "1e3", false, 0 },
		{ ":", false, 0 },
		{ "/", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t n = 4711;

		if (slice_parse_u64(nf_slice_str(rows[i].in), &n) != rows[i].ok)
			fail_msg("'%s'", rows[i].in);
		assert_int_equal(n, rows[i].ok ? rows[i].want : 4711);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slice_is_cut_at_each_separator),
		cmocka_unit_test(prefixes_and_suffixes_are_whole),
		cmocka_unit_test(white_space_is_trimmed_at_both_ends),
		cmocka_unit_test(numbers_have_one_spelling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
