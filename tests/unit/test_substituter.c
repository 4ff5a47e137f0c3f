#include "config/substituter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "expect.h"

static void urls_are_split(void **state)
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

static void nix_parameters_are_applied_or_reported(void **state)
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

static void paths_and_local_urls_are_on_this_machine(void **state)
{
	static const struct {
		const char *text, *path, *url;
	} rows[] = {
		{ "/mnt", "/mnt", "/mnt" },
		{ "/mnt/", "/mnt", "/mnt" },
		{ "/", "/", "/" },
		{ "./x.bundle", "./x.bundle", "./x.bundle" },
		{ "../x.bundle?priority=3", "../x.bundle", "../x.bundle" },
		{ "local", "/", "/" },
		{ "local?root=/mnt", "/mnt", "/mnt" },
		{ "local?trusted=1&root=/mnt", "/mnt", "/mnt" },
	};
	struct substituter s;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(substituter_parse(&s, nf_slice_str(rows[i].text), &err),
				 0);
		assert_int_equal(s.kind, SUBSTITUTER_PATH);
		assert_string_equal(s.path, rows[i].path);
		assert_string_equal(s.url, rows[i].url);
		assert_true(nf_slice_is(substituter_label(&s), rows[i].path));
		substituter_release(&s);
	}
}

#define ONLY                                                                             \
	"only http://, https://, file://, local and paths (/mnt, ./x.bundle) are "       \
	"supported"

#define NO_HTTP "it is not an http or https URL"

static void urls_and_parameters_follow_their_grammar(void **state)
{
	static const struct {
		const char *text, *url;
		int priority; /* 0: none */
		const char *unknown;
	} rows[] = {
		{ "HTTPS://Cache.Example:443/X//", "https://cache.example/X", 0, NULL },
		{ "http://h:80", "http://h", 0, NULL },
		{ "http://[::1]:8/a/../b?priority=10", "http://[::1]:8/b", 10, NULL },
		{ "http://h?priority=-5", "http://h", -5, NULL },
		{ "http://h?priority=+5", "http://h", 5, NULL },
		{ "http://h?priority=100000", "http://h", 100000, NULL },
		{ "http://h?pri%6frity=%35", "http://h", 5, NULL },
		{ "http://h?&&priority=1&&priority=2&", "http://h", 2, NULL },
		{ "http://h?=x&colour=red&p", "http://h", 0, "colour, p" },
		{ "http://h?from=https://o/x", "http://h", 0, "from" },
		{ "file:///x?root=/mnt", "file:///x", 0, "root" },
		{ "file:/x", "file:///x", 0, NULL },
		{ "FILE:///x/", "file:///x", 0, NULL },
	};
	struct substituter s;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (substituter_parse(&s, nf_slice_str(rows[i].text), &err))
			fail_msg("%s", err.text);
		assert_string_equal(s.url, rows[i].url);
		assert_int_equal(s.priority, rows[i].priority);
		assert_int_equal(s.has_priority, rows[i].priority != 0);
		assert_string_equal(s.unknown ? s.unknown : "-",
				    rows[i].unknown ? rows[i].unknown : "-");
		substituter_release(&s);
	}
	assert_int_equal(substituter_parse(&s, NF_SLICE_LIT("file:///a%20b"), &err), 0);
	assert_string_equal(s.path, "/a b");
	substituter_release(&s);
}

static void invalid_substituter_is_refused_by_name(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *error;
	} rows[] = {
		{ "ftp://x", NF_E_UNSUPPORTED, "substituter 'ftp://x': " ONLY },
		{ "ssh-ng://host", NF_E_UNSUPPORTED,
		  "substituter 'ssh-ng://host': " ONLY },
		{ "daemon", NF_E_UNSUPPORTED, "substituter 'daemon': " ONLY },
		{ "x.bundle", NF_E_UNSUPPORTED, "substituter 'x.bundle': " ONLY },
		{ "", NF_E_UNSUPPORTED, "substituter '': " ONLY },
		{ "http:///x", NF_E_USAGE, "substituter 'http:///x': " NO_HTTP },
		{ "https://", NF_E_USAGE, "substituter 'https://': " NO_HTTP },
		{ "http:x", NF_E_USAGE, "substituter 'http:x': " NO_HTTP },
		{ "http://[::1/x", NF_E_USAGE, "substituter 'http://[::1/x': " NO_HTTP },
		{ "local?real=/mnt", NF_E_UNSUPPORTED,
		  "substituter 'local?real=/mnt': 'real' is not supported" },
		{ "file:x", NF_E_USAGE,
		  "substituter 'file:x': its path is not absolute" },
		{ "file:///a%00b", NF_E_USAGE,
		  "substituter 'file:///a%00b': its path contains a NUL" },
		{ "http://a?priority=", NF_E_USAGE,
		  "substituter 'http://a?priority=': priority '' is not a number" },
		{ "http://a?priority=5x", NF_E_USAGE,
		  "substituter 'http://a?priority=5x': priority '5x' is not a number" },
		{ "http://a?priority=99999999999", NF_E_USAGE,
		  "substituter 'http://a?priority=99999999999': priority '99999999999' is not a number" },
		{ "local?root=mnt", NF_E_USAGE,
		  "substituter 'local?root=mnt': its root 'mnt' is not absolute" },
		{ "file://x", NF_E_USAGE,
		  "substituter 'file://x': its path is not absolute" },
		{ "http://a b", NF_E_USAGE,
		  "substituter 'http://a b': it contains white space or control characters" },
		{ "http://a?priority=x", NF_E_USAGE,
		  "substituter 'http://a?priority=x': priority 'x' is not a number" },
		{ "http://a?trusted=maybe", NF_E_USAGE,
		  "substituter 'http://a?trusted=maybe': trusted 'maybe' is neither true nor false" },
		{ "https://me:secret@h@host:8/x", NF_E_USAGE,
		  "substituter 'host:8/x': user names and passwords belong in a netrc file, not in the URL" },
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
		cmocka_unit_test(urls_are_split),
		cmocka_unit_test(nix_parameters_are_applied_or_reported),
		cmocka_unit_test(paths_and_local_urls_are_on_this_machine),
		cmocka_unit_test(urls_and_parameters_follow_their_grammar),
		cmocka_unit_test(invalid_substituter_is_refused_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
