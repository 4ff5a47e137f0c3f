#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "format/target_name.h"

#define HASH  "0c0chgh2ckigyv5crknwvlx2zmyh2dc2"
#define OTHER "1lgi9pcj9k1b0ms8b9jd7b0zz98rszrc"

static char dir[] = "target-XXXXXX";

static int make_links(void **state)
{
	(void)state;
	if (!mkdtemp(dir) || chdir(dir) != 0)
		return -1;
	if (symlink(NF_STORE_DIR "/" HASH "-hello", "result") ||
	    symlink("result", "relative") || symlink("loop", "loop") ||
	    symlink(NF_STORE_DIR "/" HASH "-hello/bin/hello", "below") ||
	    symlink("/etc", "outside"))
		return -1;
	return 0;
}

static int remove_links(void **state)
{
	static const char *const names[] = { "result", "relative", "loop", "below",
					     "outside" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlink(names[i]);
	return chdir("..") || rmdir(dir);
}

static void names_lead_to_store_paths(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ NF_STORE_DIR "/" HASH "-hello", "a store path" },
		{ NF_STORE_DIR "/" HASH "-hello/", "with a slash" },
		{ NF_STORE_DIR "/" HASH "-hello/bin/hello", "below one" },
		{ HASH "-hello", "a base name" },
		{ "result", "a link" },
		{ "./result", "with a directory" },
		{ "./result/", "with a slash" },
		{ "relative", "a link to a link" },
		{ "below", "a link to below a path" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct nf_storepath path;
		struct nf_err err;

		if (target_name_resolve(&path, nf_slice_str(rows[i].text), &err) != 0)
			fail_msg("%s: %s", rows[i].why, err.text);
		assert_string_equal(path.base, HASH "-hello");
	}
}

static void other_names_are_wrong_usage(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "empty target" },
		{ "nothing-here",
		  "target 'nothing-here': 'nothing-here': No such file or directory" },
		{ "loop", "target 'loop': too many symbolic links" },
		{ "/etc",
		  "target '/etc': '/etc' is neither in /nix/store nor a symbolic link" },
		{ "outside", "target 'outside': '/etc' is neither in /nix/store nor a "
			     "symbolic link" },
		{ "nixpkgs#hello",
		  "target 'nixpkgs#hello': flake attributes are not evaluated: "
		  "give the store path that it builds" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct nf_storepath path;
		struct nf_err err;

		assert_int_equal(
			target_name_resolve(&path, nf_slice_str(rows[i].text), &err),
			-NF_E_USAGE);
		assert_int_equal(err.code, NF_E_USAGE);
		assert_string_equal(err.text, rows[i].want);
	}
}

static void a_name_in_the_store_that_is_no_path_is_wrong_usage(void **state)
{
	struct nf_storepath path;
	struct nf_err err;

	(void)state;
	assert_int_equal(
		target_name_resolve(&path, NF_SLICE_LIT(NF_STORE_DIR "/.links"), &err),
		-NF_E_USAGE);
	assert_int_equal(err.code, NF_E_USAGE);
	assert_non_null(strstr(err.text, ".links"));
}

static void lists_are_sorted_and_unique(void **state)
{
	AUTO(target_names_release) struct target_names t = TARGET_NAMES_INIT;
	struct nf_err err;

	(void)state;
	assert_int_equal(
		target_names_add_lines(&t, "list",
				       NF_SLICE_LIT(OTHER "-b\n"
							  "\n"
							  "# a remark\n"
							  "  " HASH "-hello \r\n"
							  "./result\n" NF_STORE_DIR
							  "/" OTHER "-b"),
				       &err),
		0);
	assert_int_equal(t.count, 4);
	target_names_sort(&t);
	assert_int_equal(t.count, 2);
	assert_string_equal(t.paths[0].base, HASH "-hello");
	assert_string_equal(t.paths[1].base, OTHER "-b");
}

static void errors_in_lists_name_the_line(void **state)
{
	AUTO(target_names_release) struct target_names t = TARGET_NAMES_INIT;
	struct nf_err err;

	(void)state;
	assert_int_equal(target_names_add_lines(
				 &t, "list", NF_SLICE_LIT(HASH "-hello\n\n/etc\n"), &err),
			 -NF_E_USAGE);
	assert_string_equal(err.text, "list: line 3: target '/etc': '/etc' is neither in "
				      "/nix/store nor a symbolic link");
	assert_int_equal(target_names_add_file(&t, "no-list", &err), -NF_E_USAGE);
	assert_int_equal(err.code, NF_E_USAGE);
	assert_non_null(strstr(err.text, "no-list"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_lead_to_store_paths),
		cmocka_unit_test(other_names_are_wrong_usage),
		cmocka_unit_test(a_name_in_the_store_that_is_no_path_is_wrong_usage),
		cmocka_unit_test(lists_are_sorted_and_unique),
		cmocka_unit_test(errors_in_lists_name_the_line),
	};

	return cmocka_run_group_tests(tests, make_links, remove_links);
}
