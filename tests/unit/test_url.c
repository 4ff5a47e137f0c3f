#include "config/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void references_are_resolved_against_a_base(void **state)
{
	static const char base[] = "http://h:80/a/b/";
	static const struct {
		const char *reference, *text; /* NULL if invalid */
	} rows[] = {
		{ "nar/x", "http://h/a/b/nar/x" },
		{ "/nar/x", "http://h/nar/x" },
		{ "//o:8/x", "http://o:8/x" },
		{ "?q=1", "http://h/a/b/?q=1" },
		{ "#f", "http://h/a/b/" },
		{ "nar/x#f", "http://h/a/b/nar/x" },
		{ "../../../x", "http://h/x" },
		{ "nar/../y", "http://h/a/b/y" },
		{ "x?from=https://y/z", "http://h/a/b/x?from=https://y/z" },
		{ "x?u=../../b", "http://h/a/b/x?u=../../b" },
		{ "nar/x?t=12:30", "http://h/a/b/nar/x?t=12:30" },
		{ "a%2Fb?x=%20%2B", "http://h/a/b/a%2Fb?x=%20%2B" },
		{ "x y", "http://h/a/b/x%20y" },
		{ "x\\y?a[0]=1|2'", "http://h/a/b/x\\y?a[0]=1|2'" },
		{ "HTTPS://Cache.Example:443/X", "https://cache.example/X" },
		{ "https://h?x=1", "https://h/?x=1" },
		{ "http://me:secret@h/x", "http://h/x" },
		{ "http://me@h/x", "http://h/x" },
		{ "http://:secret@h/x", "http://h/x" },
		{ "http://[::1]:8/x", "http://[::1]:8/x" },
		{ "", "http://h/a/b/" },
		{ "file:///etc/passwd", NULL },
		{ "FILE:///etc/passwd", NULL },
		{ "ftp://h/x", NULL },
		{ "s3://bucket/x", NULL },
		{ "data:text/plain,x", NULL },
		{ "http:x", NULL },
		{ "http:/h/x", NULL },
		{ "http:///x", NULL },
		{ "///h/x", NULL },
		{ "https:///x", NULL },
		{ "http://", NULL },
		{ "http://?x", NULL },
		{ "http://h:99999/", NULL },
		{ "http://h:8a/", NULL },
		{ "http://h:-1/", NULL },
		{ "http://a b/", NULL },
		{ "nar\x01x", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct url u;

		if (!rows[i].text) {
			if (url_join(&u, base, rows[i].reference))
				fail_msg("'%s' became '%s'", rows[i].reference, u.text);
			continue;
		}
		if (!url_join(&u, base, rows[i].reference))
			fail_msg("'%s' is refused", rows[i].reference);
		assert_string_equal(u.text, rows[i].text);
		url_release(&u);
	}
}

static void only_a_scheme_makes_a_url_absolute(void **state)
{
	(void)state;
	assert_true(url_is_absolute(NF_SLICE_LIT("https://h")));
	assert_true(url_is_absolute(NF_SLICE_LIT("S3+x.y-1://h")));
	assert_false(url_is_absolute(NF_SLICE_LIT("nar/x?from=https://h")));
	assert_false(url_is_absolute(NF_SLICE_LIT("nar.x?https://h")));
	assert_false(url_is_absolute(NF_SLICE_LIT("1http://h")));
	assert_false(url_is_absolute(NF_SLICE_LIT("://h")));
	assert_false(url_is_absolute(NF_SLICE_LIT("//h")));
	assert_false(url_is_absolute(NF_SLICE_LIT("a:b")));
	assert_false(url_is_absolute(NF_SLICE_LIT("")));
}

static void equal_places_have_equal_origins(void **state)
{
	static const struct {
		const char *text, *origin, *host;
	} rows[] = {
		{ "https://H", "https://h:443", "h" },
		{ "https://h:443/x?y", "https://h:443", "h" },
		{ "HTTP://h", "http://h:80", "h" },
		{ "http://h:443", "http://h:443", "h" },
		{ "http://[::1]:80/", "http://[::1]:80", "::1" },
		{ "https://me:x@h/", "https://h:443", "h" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct url u;

		assert_true(url_parse(&u, nf_slice_str(rows[i].text)));
		assert_string_equal(u.origin, rows[i].origin);
		assert_string_equal(u.host, rows[i].host);
		url_release(&u);
	}
}

static void login_is_sent_to_its_origin_or_to_https_only(void **state)
{
	static const struct {
		const char *from, *to;
		bool keeps;
	} rows[] = {
		{ "http://h/a", "http://h:80/b", true },
		{ "http://h", "https://h", true },
		{ "http://h:8080", "https://h:8443", true },
		{ "https://h", "https://h:8443", false },
		{ "https://h", "http://h", false },
		{ "http://h", "http://h:81", false },
		{ "http://h", "https://sub.h", false },
		{ "https://h", "https://o", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct url from, to;

		assert_true(url_parse(&from, nf_slice_str(rows[i].from)));
		assert_true(url_parse(&to, nf_slice_str(rows[i].to)));
		if (url_keeps_login(&from, &to) != rows[i].keeps)
			fail_msg("%s -> %s", rows[i].from, rows[i].to);
		url_release(&from);
		url_release(&to);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_are_resolved_against_a_base),
		cmocka_unit_test(only_a_scheme_makes_a_url_absolute),
		cmocka_unit_test(equal_places_have_equal_origins),
		cmocka_unit_test(login_is_sent_to_its_origin_or_to_https_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
