#include "base/json_read.h"

#include <nixferry/err.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void one_boolean_of_an_object_is_read(void **state)
{
	static const struct {
		const char *text;
		int rc;
		bool before, after;
	} rows[] = {
		{ "{\"k\":true}", 0, false, true },
		{ "{\"k\":false}", 0, true, false },
		{ "{\"other\":false}", 0, true, true },
		{ "{\"k\":{\"k\":false},\"o\":1}", -NF_E_FORMAT, true, true },
		{ "{\"o\":{\"k\":false}}", 0, true, true },
		{ "{\"k\":1}", -NF_E_FORMAT, true, true },
		{ "{\"k\":null}", -NF_E_FORMAT, true, true },
		{ "{\"k\":\"true\"}", -NF_E_FORMAT, false, false },
		{ "{\"n\":123456789012345678901234567890,\"k\":true}", 0, false, true },
		{ "{\"s\":\"a\\u0000b\",\"k\":true}", 0, false, true },
		{ "[true]", -NF_E_FORMAT, false, false },
		{ "{\"k\":true", -NF_E_FORMAT, false, false },
		{ "{\"k\":true}x", -NF_E_FORMAT, false, false },
		{ "", -NF_E_FORMAT, false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool value = rows[i].before;
		struct nf_err err;

		if (json_read_bool(nf_slice_str(rows[i].text), "k", &value, &err) !=
		    rows[i].rc)
			fail_msg("%s", rows[i].text);
		assert_int_equal(value, rows[i].after);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_boolean_of_an_object_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
