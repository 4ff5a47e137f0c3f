/* A signed bundle with a wrong byte, or cut short: import and verify refuse it. */
#include <nixferry/import.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/mem.h"
#include "import_fixture.h"

/* The file is read in one of two ways, by turns. */
static void assert_refused(struct import_fixture *f, const char *how, size_t at)
{
	AUTO(nf_import_result_release) struct nf_import_result r = { 0 };
	struct nf_err err = { 0 };
	bool piped = at % 2;
	int rc = import_fixture_import(f, piped, &r, &err);

	if (rc != -NF_E_HASH && rc != -NF_E_FORMAT && rc != -NF_E_TRUST)
		fail_msg("import: %s at %zu: %d %s", how, at, rc, err.text);
	rc = import_fixture_verify(f, piped, &r, &err);
	if (rc != -NF_E_HASH && rc != -NF_E_FORMAT && rc != -NF_E_TRUST)
		fail_msg("verify: %s at %zu: %d %s", how, at, rc, err.text);
}

/* Returns the bundle's size. */
static size_t build_bundle(struct import_fixture *f)
{
	import_fixture_closure(f);
	import_fixture_build(f);
	return (size_t)lseek(f->fd, 0, SEEK_END);
}

static void flip(int fd, size_t at)
{
	char byte;

	assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
}

static void import_refuses_any_wrong_byte(void **state)
{
	struct import_fixture *f = *state;
	size_t len = build_bundle(f);

	for (size_t at = 0; at < len; at++) {
		flip(f->fd, at);
		assert_refused(f, "a wrong byte", at);
		flip(f->fd, at);
	}
	import_fixture_expect_nothing(f, "a damaged bundle");
}

static void import_refuses_any_truncation(void **state)
{
	struct import_fixture *f = *state;
	size_t len = build_bundle(f);

	for (size_t at = len - 1; at > 0; at--) {
		assert_int_equal(ftruncate(f->fd, (off_t)at), 0);
		assert_refused(f, "cut", at);
	}
	import_fixture_expect_nothing(f, "a damaged bundle");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(import_refuses_any_wrong_byte,
						import_fixture_setup,
						import_fixture_teardown),
		cmocka_unit_test_setup_teardown(import_refuses_any_truncation,
						import_fixture_setup,
						import_fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
