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

static void members_of_an_object_are_read(void **state)
{
	static const char *const bad[] = { "", "[1]", "{",
					   "{\"n\":9223372036854775808}" };
	AUTO(json_read_closep) struct json_read *o = NULL;
	struct nf_err err;
	struct nf_slice text;
	uint64_t n = 5;

	(void)state;
	assert_int_equal(
		json_read_open(
			&o,
			nf_slice_str(
				"{\"s\":\"a\\u0000b\",\"n\":9223372036854775807,\"m\":-1,"
				"\"l\":[1,\"x\"]}"),
			&err),
		0);
	assert_true(json_read_text(o, "s", &text));
	assert_true(nf_slice_eq(text, nf_slice("a\0b", 3)));
	assert_true(json_read_number(o, "n", &n));
	assert_int_equal(n, INT64_MAX);
	assert_true(json_read_nth_number(o, "l", 0, &n));
	assert_int_equal(n, 1);
	assert_true(json_read_nth_text(o, "l", 1, &text));
	assert_true(nf_slice_is(text, "x"));
	assert_false(json_read_number(o, "m", &n));
	assert_false(json_read_number(o, "s", &n));
	assert_false(json_read_number(o, "none", &n));
	assert_false(json_read_text(o, "n", &text));
	assert_false(json_read_nth_text(o, "l", 0, &text));
	assert_false(json_read_nth_text(o, "l", 2, &text));
	assert_false(json_read_nth_text(o, "s", 0, &text));
	assert_int_equal(n, 1);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct json_read *none = NULL;

		assert_int_equal(json_read_open(&none, nf_slice_str(bad[i]), &err),
				 -NF_E_FORMAT);
		assert_null(none);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_of_an_object_are_read),
		cmocka_unit_test(one_boolean_of_an_object_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
