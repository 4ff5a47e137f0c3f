#include "config/substituter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "expect.h"

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
	assert_false(s.trusted);
	assert_null(s.ignored);
	substituter_release(&s);
}

static void parameters_of_nix_count_or_are_told(void **state)
{
	static const struct {
		const char *text;
		bool trusted;
		const char *ignored;
	} rows[] = {
		{ "http://a?trusted=1", true, NULL },
		{ "http://a?trusted=true&priority=3", true, NULL },
		{ "http://a?trusted=0", false, NULL },
		{ "http://a?want-mass-query=1", false, NULL },
		{ "http://a?compression=zstd&trusted=yes&retry-attempts=3", true,
		  "compression, retry-attempts" },
		{ "file:///a?secret-key=/k&parallel-compression=1", false,
		  "secret-key, parallel-compression" },
	};
	struct substituter s;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(substituter_parse(&s, nf_slice_str(rows[i].text), &err),
				 0);
		assert_int_equal(s.trusted, rows[i].trusted);
		if (rows[i].ignored)
			assert_string_equal(s.ignored, rows[i].ignored);
		else
			assert_null(s.ignored);
		substituter_release(&s);
	}
}

static void what_is_no_substituter_is_refused_by_name(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *error;
	} rows[] = {
		{ "ftp://x", NF_E_UNSUPPORTED,
		  "substituter 'ftp://x': only http://, https:// and file:// are "
		  "supported" },
		{ "ssh-ng://host", NF_E_UNSUPPORTED,
		  "substituter 'ssh-ng://host': only http://, https:// and file:// are "
		  "supported" },
		{ "daemon", NF_E_UNSUPPORTED,
		  "substituter 'daemon': only http://, https:// and file:// are "
		  "supported" },
		{ "", NF_E_UNSUPPORTED,
		  "substituter '': only http://, https:// and file:// are supported" },
		{ "http:///x", NF_E_USAGE, "substituter 'http:///x': it names no host" },
		{ "https://", NF_E_UNSUPPORTED,
		  "substituter 'https://': only http://, https:// and file:// are "
		  "supported" },
		{ "file://x", NF_E_USAGE,
		  "substituter 'file://x': its path is not absolute" },
		{ "http://a b", NF_E_USAGE,
		  "substituter 'http://a b': it has white space or control characters" },
		{ "http://a?priority=x", NF_E_USAGE,
		  "substituter 'http://a?priority=x': priority 'x' is not a small "
		  "number" },
		{ "http://a?trusted=maybe", NF_E_USAGE,
		  "substituter 'http://a?trusted=maybe': trusted 'maybe' is neither "
		  "true nor false" },
		{ "http://a?colour=red", NF_E_USAGE,
		  "substituter 'http://a?colour=red': parameter 'colour' is not "
		  "supported" },
		{ "https://me:secret@h@host:8/x", NF_E_USAGE,
		  "substituter at 'host:8': names and passwords belong into a netrc "
		  "file, not into the address" },
	};
	struct substituter s;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect_error(err, substituter_parse(&s, nf_slice_str(rows[i].text), &err),
			     rows[i].code, rows[i].error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_taken_apart),
		cmocka_unit_test(parameters_of_nix_count_or_are_told),
		cmocka_unit_test(what_is_no_substituter_is_refused_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
