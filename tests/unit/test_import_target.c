#include "store/import_target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void invalid_targets_are_refused(void **state)
{
	static const struct {
		const char *root, *profile, *gc_root;
		int code;
		const char *text;
	} rows[] = {
		{ NULL, NULL, NULL, NF_E_USAGE, "no store root" },
		{ "/dev/null", NULL, NULL, NF_E_USAGE, "is not a directory" },
		{ "/tmp", "system", "mine", NF_E_USAGE, "cannot be combined" },
		{ "/tmp", "a/../b", NULL, NF_E_USAGE, "name of a profile" },
		{ "/tmp", NULL, "a/b", NF_E_USAGE, "a/b" },
		{ "/dev/null/x", NULL, NULL, NF_E_SYS, "Not a directory" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct nf_err err;

		assert_int_equal(import_target_check(rows[i].root, rows[i].profile,
						     rows[i].gc_root, &err),
				 -rows[i].code);
		assert_non_null(strstr(err.text, rows[i].text));
	}
}

static void missing_root_can_be_created(void **state)
{
	(void)state;
	assert_int_equal(import_target_check("/tmp/no/such/root", NULL, NULL, NULL), 0);
	assert_int_equal(import_target_check_root("/tmp/no/such/root", NULL), -NF_E_SYS);
	assert_int_equal(import_target_check("/tmp", "system", NULL, NULL), 0);
	assert_int_equal(import_target_check("/tmp", NULL, "mine", NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(invalid_targets_are_refused),
		cmocka_unit_test(missing_root_can_be_created),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
