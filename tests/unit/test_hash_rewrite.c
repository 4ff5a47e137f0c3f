#include "delta/hash_rewrite.h"

#include <string.h>

#include "base/mem.h"
#include "delta_fixture.h"
#include "expect.h"

#define OLD DELTA_FIXTURE_OLD
#define NEW DELTA_FIXTURE_NEW

static void hash_parts_are_replaced_wherever_they_begin(void **state)
{
	static const char *const rows[][2] = {
		{ OLD, NEW },
		{ "/nix/store/" OLD "-x", "/nix/store/" NEW "-x" },
		{ "a" OLD OLD "b", "a" NEW NEW "b" },
		{ "0123" OLD "z", "0123" NEW "z" },
		{ "012345678 " OLD, "012345678 " NEW },
		{ "0123456789abcdfghijklmnpqrsvwxy", "0123456789abcdfghijklmnpqrsvwxy" },
		{ "0123456789abcdfghijklmnpqrsvwxyy",
		  "0123456789abcdfghijklmnpqrsvwxyy" },
		{ "no hash part at all, eeeeeeeeeeeeeee",
		  "no hash part at all, eeeeeeeeeeeeeee" },
		{ "", "" },
	};
	AUTO(hash_rewrite_freep) struct hash_rewrite *r = delta_fixture_rewrite();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_FREE char *text = mem_strdup(rows[i][0]);

		(void)hash_rewrite_run(r, text, strlen(text));
		assert_string_equal(text, rows[i][1]);
	}
}

static void parts_give_the_same_as_the_whole(void **state)
{
	static const char text[] = "01" OLD "a/b" OLD OLD "0123456789abcdfghij";
	AUTO(hash_rewrite_freep) struct hash_rewrite *r = delta_fixture_rewrite();

	(void)state;
	for (size_t run = HASH_REWRITE_CARRY + 1; run < sizeof(text); run++) {
		AUTO_FREE char *whole = mem_strdup(text);
		AUTO_FREE char *parts = mem_strdup(text);
		size_t len = strlen(text), at = 0;

		(void)hash_rewrite_run(r, whole, len);
		while (len - at > run) {
			size_t done = hash_rewrite_run(r, parts + at, run);

			assert_true(run - done <= HASH_REWRITE_CARRY);
			at += done;
		}
		(void)hash_rewrite_run(r, parts + at, len - at);
		assert_string_equal(parts, whole);
	}
}

static void a_hash_part_is_found_where_it_begins(void **state)
{
	AUTO(hash_rewrite_freep) struct hash_rewrite *r = delta_fixture_rewrite();
	static const char text[] = "ab" OLD;

	(void)state;
	assert_true(hash_rewrite_has(r, text, strlen(text), 3));
	assert_false(hash_rewrite_has(r, text, strlen(text), 2));
	assert_false(hash_rewrite_has(r, text, strlen(text) - 1, 3));
	assert_false(hash_rewrite_has(NULL, text, strlen(text), 3));
	assert_int_equal(hash_rewrite_run(NULL, (char *)text, strlen(text)),
			 strlen(text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash_parts_are_replaced_wherever_they_begin),
		cmocka_unit_test(parts_give_the_same_as_the_whole),
		cmocka_unit_test(a_hash_part_is_found_where_it_begins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
