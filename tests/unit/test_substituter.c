#include "config/substituter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void urls_are_taken_apart(void **state)
{
	struct substituter s;
	struct nf_err err;
	char *url;

	(void)state;
	assert_int_equal(
		substituter_parse(
			&s, nf_slice_str("https://cache.nixos.org/?priority=10"), &err),
		0);
	assert_int_equal(s.kind, SUBSTITUTER_HTTP);
	assert_string_equal(s.url, "https://cache.nixos.org");
	assert_true(s.has_priority);
	assert_int_equal(s.priority, 10);
	url = substituter_resolve(&s, "nar/x.nar.xz");
	assert_string_equal(url, "https://cache.nixos.org/nar/x.nar.xz");
	free(url);
	url = substituter_resolve(&s, "https://cdn.example/x");
	assert_string_equal(url, "https://cdn.example/x");
	free(url);
	substituter_release(&s);

	assert_int_equal(substituter_parse(&s, nf_slice_str("file:///mnt/cache/"), &err),
			 0);
	assert_int_equal(s.kind, SUBSTITUTER_FILE);
	assert_string_equal(s.path, "/mnt/cache");
	assert_false(s.has_priority);
	substituter_release(&s);
}

static void what_is_no_substituter_is_refused_by_name(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "ftp://x", "substituter 'ftp://x': only http://, https:// and file:// "
			     "are supported" },
		{ "",
		  "substituter '': only http://, https:// and file:// are supported" },
		{ "http:///x", "substituter 'http:///x': it names no host" },
		{ "https://",
		  "substituter 'https://': only http://, https:// and file:// are "
		  "supported" },
		{ "file://x", "substituter 'file://x': its path is not absolute" },
		{ "http://a b",
		  "substituter 'http://a b': it has white space or control characters" },
		{ "http://a?priority=x", "substituter 'http://a?priority=x': priority "
					 "'x' is not a small number" },
		{ "http://a?colour=red", "substituter 'http://a?colour=red': parameter "
					 "'colour' is not supported" },
	};
	struct substituter s;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(substituter_parse(&s, nf_slice_str(rows[i].text), &err),
				 -NF_E_USAGE);
		assert_string_equal(err.text, rows[i].error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_taken_apart),
		cmocka_unit_test(what_is_no_substituter_is_refused_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
