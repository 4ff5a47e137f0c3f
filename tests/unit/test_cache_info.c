#include <nixferry/narinfo.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "expect.h"

static void lenient_forms_that_nix_reads_are_read(void **state)
{
	static const struct {
		const char *text, *store_dir;
		bool mass_query, has_priority;
		int priority;
	} rows[] = {
		{ "StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 40\n", "/nix/store",
		  true, true, 40 },
		{ "", "", false, false, 0 },
		{ "StoreDir:/nix/store", "/nix/store", false, false, 0 },
		{ "StoreDir:   /x  \r\n", "/x", false, false, 0 },
		{ "no colon\nOther: x\nWantMassQuery: 0\n", "", false, false, 0 },
		{ "WantMassQuery: true\n", "", false, false, 0 },
		{ "WantMassQuery: 1\nWantMassQuery: 0\n", "", false, false, 0 },
		{ "Priority: -5\n", "", false, true, -5 },
		{ "Priority: +5\n", "", false, true, 5 },
		{ "Priority: 10.5\n", "", false, true, 10 },
		{ "Priority: 007\n", "", false, true, 7 },
		{ "Priority: 0\n", "", false, true, 0 },
		{ "Priority: 1\nPriority: 2\n", "", false, true, 2 },
		{ "priority: 1\n", "", false, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct nf_cache_info ci;
		struct nf_err err;

		if (nf_cache_info_parse(&ci, nf_slice_str(rows[i].text), &err))
			fail_msg("%s: %s", rows[i].text, err.text);
		assert_string_equal(ci.store_dir, rows[i].store_dir);
		assert_int_equal(ci.want_mass_query, rows[i].mass_query);
		assert_int_equal(ci.has_priority, rows[i].has_priority);
		assert_int_equal(ci.priority, rows[i].priority);
	}
}

static void faults_are_named_with_their_line(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *want;
	} rows[] = {
		{ "Priority:\n", NF_E_FORMAT, "line 1: Priority: not a number" },
		{ "\nPriority: x\n", NF_E_FORMAT, "line 2: Priority: not a number" },
		{ "Priority: --1\n", NF_E_FORMAT, "line 1: Priority: not a number" },
		{ "Priority: -+1\n", NF_E_FORMAT, "line 1: Priority: not a number" },
		{ "Priority: 2147483648\n", NF_E_FORMAT,
		  "line 1: Priority: not a number" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct nf_cache_info ci;
		struct nf_err err = { 0 };

		expect_error(err,
			     nf_cache_info_parse(&ci, nf_slice_str(rows[i].text), &err),
			     rows[i].code, rows[i].want);
	}
}

static void lengths_are_bounded(void **state)
{
	static char text[NIX_CACHE_INFO_MAX + 1];
	struct nf_cache_info ci;
	struct nf_err err = { 0 };

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(
		nf_cache_info_parse(&ci, nf_slice(text, NIX_CACHE_INFO_MAX), &err), 0);
	assert_int_equal(nf_cache_info_parse(&ci, nf_slice(text, sizeof(text)), &err),
			 -NF_E_LIMIT);
	memcpy(text, "StoreDir:", 9);
	assert_int_equal(nf_cache_info_parse(&ci, nf_slice(text, 9 + 255), &err), 0);
	assert_int_equal(strlen(ci.store_dir), 255);
	assert_int_equal(nf_cache_info_parse(&ci, nf_slice(text, 9 + 256), &err),
			 -NF_E_LIMIT);
	assert_int_equal(nf_cache_info_parse(&ci, nf_slice("a\0b", 3), &err),
			 -NF_E_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lenient_forms_that_nix_reads_are_read),
		cmocka_unit_test(faults_are_named_with_their_line),
		cmocka_unit_test(lengths_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
