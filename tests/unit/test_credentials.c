#include "config/credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void login_is_for_the_named_cache(void **state)
{
	static const struct {
		const char *url, *name; /* NULL: none */
	} rows[] = {
		{ "https://h/x/nar/y", "a" },	{ "https://H:443/other", "a" },
		{ "http://h/x", NULL },		{ "https://h:8443/x", NULL },
		{ "http://plain:5000/x", "b" }, { "https://plain:5000/x", NULL },
		{ "http://[::1]:80/", "c" },	{ "https://o/x", NULL },
		{ "https://any/x", "d" },
	};
	static const char *const caches[] = { "https://h/x?priority=1",
					      "http://plain:5000/", "http://[::1]",
					      "https://any", "file:///h" };
	struct substituter list[sizeof(caches) / sizeof(caches[0])];
	struct netrc n = NETRC_INIT;
	struct credentials *c;

	(void)state;
	for (size_t i = 0; i < sizeof(caches) / sizeof(caches[0]); i++)
		assert_int_equal(
			substituter_parse(&list[i], nf_slice_str(caches[i]), NULL), 0);
	assert_int_equal(netrc_parse(&n,
				     NF_SLICE_LIT("machine h login a password 1\n"
						  "machine plain login b password 2\n"
						  "machine ::1 login c password 3\n"
						  "machine o login e password 4\n"
						  "default login d password 5\n"),
				     NULL),
			 0);
	c = credentials_new(&n, list, sizeof(caches) / sizeof(caches[0]));
	netrc_release(&n);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct login *l;
		struct url u;

		assert_true(url_parse(&u, nf_slice_str(rows[i].url)));
		l = credentials_find(c, &u);
		if (!rows[i].name != !l || (l && strcmp(l->name, rows[i].name) != 0))
			fail_msg("%s: %s", rows[i].url, l ? l->name : "none");
		url_release(&u);
	}
	credentials_free(c);
	for (size_t i = 0; i < sizeof(caches) / sizeof(caches[0]); i++)
		substituter_release(&list[i]);
}

/* Without a netrc file there is nothing to look in. */
static void empty_list_has_no_login(void **state)
{
	struct url u;

	(void)state;
	assert_true(url_parse(&u, nf_slice_str("https://a.example/x")));
	assert_null(credentials_find(NULL, &u));
	url_release(&u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(login_is_for_the_named_cache),
		cmocka_unit_test(empty_list_has_no_login),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
