#include "config/netrc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "expect.h"

/* "NAME:PASSWORD" that TEXT has for HOST, "-" for a part that is missing. free(). */
static char *login_for(const char *text, const char *host)
{
	struct netrc n = NETRC_INIT;
	const struct netrc_entry *e;
	struct nf_err err;
	char *got;

	if (netrc_parse(&n, nf_slice_str(text), &err))
		fail_msg("%s: %s", text, err.text);
	e = netrc_find(&n, host);
	got = e ? mem_printf("%s:%s", e->login ? e->login : "-",
			     e->password ? e->password : "-")
		: mem_strdup("none");
	netrc_release(&n);
	return got;
}

static void entries_are_found_by_host(void **state)
{
	static const struct {
		const char *text, *login; /* for "h" */
	} rows[] = {
		{ "machine h login a password b\n", "a:b" },
		{ "machine h login a password b", "a:b" },
		{ "machine\nh\nlogin\na\npassword\nb\n", "a:b" },
		{ "machine h\r\n\tlogin a\r\n\tpassword b\r\n", "a:b" },
		{ "machine h password b login a\n", "a:b" },
		{ "MACHINE H Login a PASSWORD b\n", "a:b" },
		{ "\xef\xbb\xbfmachine h login a password b\n", "a:b" },
		{ "machine h login a account c password b\n", "a:b" },
		{ "machine h login a colour password password b\n", "a:password" },
		{ "machine h password b\n", "-:b" },
		{ "machine o password c\nmachine h password b\n", "-:b" },
		{ "machine h password b\nmachine o password c\n", "-:b" },
		{ "machine h login a\nmachine o login a password c\n", "a:-" },
		{ "machine h login a\nmachine h login c password d\n", "c:d" },
		{ "machine h login a password b\nmachine h login c password d\n", "a:b" },
		{ "machine o login a password b\n", "none" },
		{ "login a password b\n", "none" },
		{ "machine sub.h login a password b\n", "none" },
		{ "machine h\n", "none" },
		{ "", "none" },
		{ "default login a password b\n", "a:b" },
		{ "default login c password d\nmachine h login a password b\n", "a:b" },
		{ "machine h\ndefault login a password b\n", "a:b" },
		{ "macdef x\nmachine h login c password d\n \nmachine h login a password b\n",
		  "a:b" },
		{ "macdef x\nmachine h login c password d\n", "none" },
		{ "machine h login a password b\nmacdef x\npassword c\n\n", "a:b" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_FREE char *got = login_for(rows[i].text, "h");

		if (strcmp(got, rows[i].login) != 0)
			fail_msg("'%s' for:\n%s", got, rows[i].text);
	}
}

static void passwords_are_taken_literally_or_in_quotes(void **state)
{
	static const struct {
		const char *written, *password;
	} rows[] = {
		{ "#b", "#b" },
		{ "a#b", "a#b" },
		{ "a:b", "a:b" },
		{ "a\\b", "a\\b" },
		{ "a\"b", "a\"b" },
		{ "a'b", "a'b" },
		{ "p\xc3\xa4ss", "p\xc3\xa4ss" },
		{ "\"two words\"", "two words" },
		{ "\"a\\\"b\\\\c\\td\\x\"", "a\"b\\c\tdx" },
		{ "\"#b\"", "#b" },
		{ "\"\"", "" },
		{ "\n# a comment\n\tb", "b" },
		{ "b # a comment password c", "b" },
		{ "b #a comment password c", "b" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_FREE char *text = mem_printf("machine o login x password y\n"
						  "machine h login a password %s\n"
						  "# machine h login c password d\n"
						  "machine p login z password q\n",
						  rows[i].written);
		AUTO_FREE char *wanted = mem_printf("a:%s", rows[i].password);
		AUTO_FREE char *got = login_for(text, "h");

		assert_string_equal(got, wanted);
	}
}

static void invalid_netrc_is_refused_without_quoting_it(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "machine h login \"a\nmachine o",
		  "line 1: a quoted word is not closed" },
		{ "\n\nmachine h login a password \"b\\",
		  "line 3: a quoted word is not closed" },
		{ "machine h login a\npassword", "line 2: 'password' has no value" },
		{ "machine", "line 1: 'machine' has no value" },
	};
	struct netrc n = NETRC_INIT;
	struct nf_err err;
	char *large = mem_alloc(NETRC_MAX + 1);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc = netrc_parse(&n, nf_slice_str(rows[i].text), &err);

		expect_error(err, rc, NF_E_FORMAT, rows[i].error);
		netrc_release(&n);
	}
	memset(large, ' ', NETRC_MAX + 1);
	expect_error(err, netrc_parse(&n, nf_slice(large, NETRC_MAX + 1), &err),
		     NF_E_LIMIT, "131073 bytes, more than 131072");
	free(large);
}

static void entries_before_a_mistake_count(void **state)
{
	static const char text[] = "machine h login a password b\nmachine o login \"";
	struct netrc n = NETRC_INIT;

	(void)state;
	assert_int_equal(netrc_parse(&n, nf_slice_str(text), NULL), -NF_E_FORMAT);
	assert_string_equal(netrc_find(&n, "h")->password, "b");
	assert_null(netrc_find(&n, "o"));
	netrc_release(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_are_found_by_host),
		cmocka_unit_test(passwords_are_taken_literally_or_in_quotes),
		cmocka_unit_test(invalid_netrc_is_refused_without_quoting_it),
		cmocka_unit_test(entries_before_a_mistake_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
