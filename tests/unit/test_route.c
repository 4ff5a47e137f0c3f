#include "http/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "expect.h"

/* The credentials of one cache, whose host's login is "me". */
static struct credentials *credentials_of(const char *cache)
{
	static const char text[] = "machine h login me password secret\n"
				   "machine other login you password else\n";
	struct netrc n = NETRC_INIT;
	struct substituter s = { .url = (char *)cache };
	struct credentials *c;
	struct nf_err err;

	assert_int_equal(netrc_parse(&n, nf_slice_str(text), &err), 0);
	c = credentials_new(&n, &s, 1);
	netrc_release(&n);
	return c;
}

static void route_starts_at_an_http_url_only(void **state)
{
	static const char *const wrong[] = { "", "nar/x", "file:///x", "ftp://h/x",
					     "http:///x" };
	struct route r;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(route_begin(&r, NULL, wrong[i]));
	assert_true(route_begin(&r, NULL, "http://H:80/x"));
	assert_string_equal(r.url.text, "http://h/x");
	assert_null(r.login);
	route_release(&r);
}

static void login_is_sent_to_the_cache_only(void **state)
{
	static const struct {
		const char *cache, *location, *url;
		bool login;
	} rows[] = {
		{ "http://h/", "/y", "http://h/y", true },
		{ "http://h/", "y?x=http://o/", "http://h/y?x=http://o/", true },
		{ "http://h/", "http://h:80/y", "http://h/y", true },
		{ "http://h/", "https://h/y", "https://h/y", true },
		{ "http://h/", "//H/y", "http://h/y", true },
		{ "http://h/", "http://h:81/y", "http://h:81/y", false },
		{ "http://h/", "http://other/y", "http://other/y", false },
		{ "http://h/", "http://a:b@other/y", "http://other/y", false },
		{ "http://h/", "http://sub.h/y", "http://sub.h/y", false },
		{ "https://h/", "http://h/y", "http://h/y", false },
		{ "https://h/", "http://h:443/y", "http://h:443/y", false },
		{ "https://h:8/", "https://h/y", "https://h/y", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct credentials *c = credentials_of(rows[i].cache);
		struct route r;
		struct nf_err err;

		assert_true(route_begin(&r, c, rows[i].cache));
		assert_non_null(r.login);
		assert_string_equal(r.login->name, "me");
		assert_int_equal(route_follow(&r, rows[i].location, &err), 0);
		assert_string_equal(r.url.text, rows[i].url);
		if ((r.login != NULL) != rows[i].login)
			fail_msg("%s to %s", rows[i].cache, rows[i].location);
		route_release(&r);
		credentials_free(c);
	}
}

static void dropped_login_is_not_sent_later(void **state)
{
	struct credentials *c = credentials_of("http://h/");
	struct route r;
	struct nf_err err;

	(void)state;
	assert_true(route_begin(&r, c, "http://h/x"));
	assert_int_equal(route_follow(&r, "http://other/x", &err), 0);
	assert_null(r.login);
	assert_int_equal(route_follow(&r, "https://other/x", &err), 0);
	assert_null(r.login);
	assert_int_equal(route_follow(&r, "http://h/x", &err), 0);
	assert_non_null(r.login);
	route_release(&r);
	credentials_free(c);
}

static void invalid_location_is_not_followed(void **state)
{
	static const char *const wrong[] = { "file:///etc/passwd", "ftp://h/x", "http:/x",
					     "http://h:99999/" };
	struct route r;
	struct nf_err err;

	(void)state;
	assert_true(route_begin(&r, NULL, "http://h/x"));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(route_follow(&r, wrong[i], &err), -NF_E_FORMAT);
	assert_string_equal(r.url.text, "http://h/x");
	assert_int_equal(r.redirects, 0);
	route_release(&r);
}

static void redirects_are_counted(void **state)
{
	struct route r;
	struct nf_err err;

	(void)state;
	assert_true(route_begin(&r, NULL, "http://h/x"));
	for (int i = 0; i < ROUTE_REDIRECTS_MAX; i++)
		assert_int_equal(route_follow(&r, "/x", &err), 0);
	expect_error(err, route_follow(&r, "/x", &err), NF_E_LIMIT,
		     "it redirects more than 10 times");
	route_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(route_starts_at_an_http_url_only),
		cmocka_unit_test(login_is_sent_to_the_cache_only),
		cmocka_unit_test(dropped_login_is_not_sent_later),
		cmocka_unit_test(invalid_location_is_not_followed),
		cmocka_unit_test(redirects_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
