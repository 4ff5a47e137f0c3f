#include "base/plural.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void plural_is_used_except_for_one(void **state)
{
	(void)state;
	assert_string_equal(plural(1, "path was", "paths were"), "path was");
	assert_string_equal(plural(0, "path was", "paths were"), "paths were");
	assert_string_equal(plural(2, "path was", "paths were"), "paths were");
	assert_string_equal(plural((1ULL << 32) + 1, "", "s"), "s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plural_is_used_except_for_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
