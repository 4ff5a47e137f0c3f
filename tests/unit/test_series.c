#include "store/series.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "temp_dir.h"

/* 2027-01-31, one second before its end in UTC. */
#define LAST_SECOND 1801439999

static void a_bundle_expires_at_the_end_of_its_last_day(void **state)
{
	struct nf_bundle_terms terms = { 0 };
	struct nf_err err = { 0 };

	(void)state;
	assert_int_equal(series_check_expiry(&terms, LAST_SECOND, false, NULL, &err), 0);
	terms.expires = "2027-01-31";
	assert_int_equal(series_check_expiry(&terms, 0, false, NULL, &err), 0);
	assert_int_equal(series_check_expiry(&terms, LAST_SECOND, false, NULL, &err), 0);
	assert_int_equal(series_check_expiry(&terms, LAST_SECOND + 1, false, NULL, &err),
			 -NF_E_TRUST);
	assert_string_equal(
		err.text,
		"the bundle expired on 2027-01-31: get a newer bundle, or give --allow-older");
	assert_int_equal(series_check_expiry(&terms, LAST_SECOND + 1, true, NULL, &err),
			 0);
}

static int check_serial(const struct target *t, const char *series, uint64_t serial,
			bool allow_older, struct nf_err *err)
{
	const struct nf_bundle_terms terms = { .series = series, .serial = serial };

	return series_check(t, &terms, allow_older, NULL, err);
}

static void remember(const struct target *t, const char *series, uint64_t serial)
{
	const struct nf_bundle_terms terms = { .series = series, .serial = serial };
	struct nf_err err;

	if (series_remember(t, &terms, &err))
		fail_msg("%s", err.text);
}

static void a_target_takes_no_older_bundle_of_a_series(void **state)
{
	struct temp_dir *dir = *state;
	struct nf_err err = { 0 };
	struct target t;

	assert_int_equal(target_open(&t, dir->path, NULL), 0);
	assert_int_equal(check_serial(&t, NULL, 0, false, &err), 0);
	assert_int_equal(check_serial(&t, "web", 5, false, &err), 0);
	remember(&t, NULL, 9);
	remember(&t, "web", 5);
	remember(&t, "web", 4);
	assert_int_equal(check_serial(&t, "web", 5, false, &err), 0);
	assert_int_equal(check_serial(&t, "web", 6, false, &err), 0);
	assert_int_equal(check_serial(&t, "mail", 1, false, &err), 0);
	assert_int_equal(check_serial(&t, "web", 4, false, &err), -NF_E_TRUST);
	assert_non_null(
		strstr(err.text, "the bundle is number 4 of series 'web', but '"));
	assert_non_null(strstr(err.text, "has had number 5"));
	assert_int_equal(check_serial(&t, "web", 4, true, &err), 0);
	remember(&t, "web", UINT64_MAX);
	assert_int_equal(check_serial(&t, "web", UINT64_MAX - 1, false, &err),
			 -NF_E_TRUST);
	target_close(&t);
}

static void what_cannot_be_relied_on_is_refused(void **state)
{
	struct temp_dir *dir = *state;
	struct nf_err err = { 0 };
	AUTO_FREE char *file = mem_printf("%s/nix/var/nixferry/series/web", dir->path);
	struct target t;

	assert_int_equal(target_open(&t, dir->path, NULL), 0);
	remember(&t, "web", 5);
	assert_int_equal(chmod(file, 0666), 0);
	assert_int_equal(check_serial(&t, "web", 5, false, &err), -NF_E_SYS);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(symlink("/etc/passwd", file), 0);
	assert_int_equal(check_serial(&t, "web", 5, false, &err), -NF_E_SYS);
	assert_int_equal(unlink(file), 0);
	temp_dir_write(dir, "nix/var/nixferry/series/web", "five\n");
	assert_int_equal(check_serial(&t, "web", 5, false, &err), -NF_E_FORMAT);
	assert_non_null(strstr(err.text, "does not hold a serial: remove it"));
	target_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bundle_expires_at_the_end_of_its_last_day),
		cmocka_unit_test_setup_teardown(
			a_target_takes_no_older_bundle_of_a_series, temp_dir_setup,
			temp_dir_teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_relied_on_is_refused,
						temp_dir_setup, temp_dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
