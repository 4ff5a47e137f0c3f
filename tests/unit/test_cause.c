#include "plan/cause.h"

#include <nixferry/err.h>
#include <string.h>

#include "expect.h"

static void every_cause_has_its_own_text(void **state)
{
	(void)state;
	for (int a = CAUSE_ABSENT; a <= CAUSE_NOT_TRUSTED; a++) {
		assert_non_null(cause_word((enum cause)a));
		assert_non_null(cause_title((enum cause)a));
		for (int b = CAUSE_ABSENT; b < a; b++)
			assert_string_not_equal(cause_word((enum cause)a),
						cause_word((enum cause)b));
	}
}

static void an_error_has_a_cause(void **state)
{
	static const struct {
		int code;
		enum cause cause;
	} rows[] = {
		{ 0, CAUSE_ABSENT },
		{ NF_E_MISSING, CAUSE_ABSENT },
		{ -NF_E_TRUST, CAUSE_NOT_TRUSTED },
		{ NF_E_FORMAT, CAUSE_BAD_ANSWER },
		{ -NF_E_HASH, CAUSE_BAD_ANSWER },
		{ NF_E_LIMIT, CAUSE_BAD_ANSWER },
		{ NF_E_UNSUPPORTED, CAUSE_BAD_ANSWER },
		{ NF_E_NET, CAUSE_UNREACHABLE },
		{ -NF_E_SYS, CAUSE_UNREACHABLE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(cause_of_code(rows[i].code), rows[i].cause);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cause_has_its_own_text),
		cmocka_unit_test(an_error_has_a_cause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
