#include "base/path.h"

#include <stdlib.h>

#include "expect.h"

#include "base/cleanup.h"

static void a_path_becomes_canonical(void **state)
{
	static const struct {
		const char *path, *want, *why;
	} rows[] = {
		{ "/", "/", "the root" },
		{ "", ".", "nothing" },
		{ ".", ".", "here" },
		{ "./", ".", "here, with a slash" },
		{ "//", "/", "slashes alone" },
		{ "/a/b", "/a/b", "nothing to do" },
		{ "/a//b///", "/a/b", "empty parts" },
		{ "//a/b", "/a/b", "two slashes at the beginning" },
		{ "/a/./b/.", "/a/b", "dots" },
		{ "/a/../b", "/b", "up and down" },
		{ "/a/b/..", "/a", "up at the end" },
		{ "/a/..", "/", "up to the root" },
		{ "/../../a", "/a", "up from the root" },
		{ "/a/b/../../..", "/", "further up than there is" },
		{ "a/../b", "b", "relative" },
		{ "a/..", ".", "relative, to where it began" },
		{ "a/b/..", "a", "relative, up" },
		{ "../a", "../a", "up first" },
		{ "../../a/../b", "../../b", "up twice first" },
		{ "a/../../b", "../b", "up further than it went down" },
		{ "./a/", "a", "a slash at the end" },
		{ "...", "...", "three dots are a name" },
		{ "/a/..b/.c", "/a/..b/.c", "names with dots" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *got = path_canon(nf_slice_str(rows[i].path));

		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: '%s' became '%s'", rows[i].why, rows[i].path, got);
	}
}

static void path_is_relative_to_a_directory(void **state)
{
	static const struct {
		const char *dir, *path, *want;
	} rows[] = {
		{ "/a/b", "c", "/a/b/c" }, { "/a/b", "../c", "/a/c" },
		{ "/a/b", ".", "/a/b" },   { "/a/b", "/c/./d", "/c/d" },
		{ "/", "c", "/c" },	   { "/a", "../../c", "/c" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *got = path_canon_from(rows[i].dir, rows[i].path);

		assert_string_equal(got, rows[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_becomes_canonical),
		cmocka_unit_test(path_is_relative_to_a_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
