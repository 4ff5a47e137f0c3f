#include "pool/pool_gc_choice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

#define NOW 10000

/* In the order of their use: 'a' to 'f', each of 100 bytes; 'c' and 'd' share a file. */
static void make(struct pool_gc_entry entries[6], const char *kept)
{
	static const uint32_t files[6] = { 0, 1, 2, 2, 3, 4 };

	for (size_t i = 0; i < 6; i++) {
		/* Given in another order. */
		size_t at = (i * 5 + 2) % 6;

		entries[at] = (struct pool_gc_entry){
			.used = NOW - 600 + (time_t)i * 100,
			.file = files[i],
			.size = 100,
			.is_kept = strchr(kept, "abcdef"[i]) != NULL,
			.ctx = (void *)&"abcdef"[i],
		};
	}
}

static void each_rule_removes_the_expected_entries(void **state)
{
	static const struct {
		struct pool_gc_rule rule;
		const char *kept;
		const char *goes;
		uint64_t bytes; /* that stay */
	} rows[] = {
		/* Without a rule nothing goes. */
		{ { false, -1, UINT64_MAX }, "", "", 500 },
		{ { true, -1, UINT64_MAX }, "bf", "acde", 200 },
		/* "Not used for 400 seconds" takes what was used 400 seconds ago. */
		{ { false, 400, UINT64_MAX }, "", "abc", 300 },
		{ { false, 400, UINT64_MAX }, "a", "bc", 400 },
		{ { false, 0, UINT64_MAX }, "", "abcdef", 0 },
		/* Half of a shared file frees nothing. */
		{ { false, -1, 499 }, "", "a", 400 },
		{ { false, -1, 300 }, "", "ab", 300 },
		{ { false, -1, 299 }, "", "abcd", 200 },
		{ { false, -1, 299 }, "d", "abce", 200 },
		/* The kept entries may be larger than the limit. */
		{ { false, -1, 0 }, "af", "bcde", 200 },
		/* The age counts first, then the size. */
		{ { false, 500, 200 }, "", "abcd", 200 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pool_gc_entry entries[6];
		char goes[7] = "";
		uint64_t bytes;

		make(entries, rows[i].kept);
		bytes = pool_gc_choose(entries, 6, 5, &rows[i].rule, NOW);
		for (size_t k = 0; k < 6; k++)
			if (entries[k].goes)
				strncat(goes, entries[k].ctx, 1);
		if (strcmp(goes, rows[i].goes) != 0)
			fail_msg("row %zu: '%s' go", i, goes);
		assert_int_equal(bytes, rows[i].bytes);
	}
}

static void an_empty_pool_has_nothing_to_choose(void **state)
{
	const struct pool_gc_rule rule = { .only_kept = true };

	(void)state;
	assert_int_equal(pool_gc_choose(NULL, 0, 0, &rule, NOW), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_removes_the_expected_entries),
		cmocka_unit_test(an_empty_pool_has_nothing_to_choose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
