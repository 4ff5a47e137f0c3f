#include "cmd/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void json_nests_and_escapes(void **state)
{
	AUTO(json_doc_freep) struct json_doc *d = json_doc_new();
	AUTO_FREE char *text = NULL;

	(void)state;
	json_add_str(d, "s", "a\"\n");
	json_add_str(d, "bad", "a\xff");
	json_add_slice(d, "empty", nf_slice(NULL, 0));
	json_add_number(d, "n", 1ULL << 50);
	json_add_ratio(d, "r", 447, 435);
	json_begin_array(d, "list");
	json_begin_object(d, NULL);
	json_add_bool(d, "b", true);
	json_end(d);
	json_add_null(d, NULL);
	json_end(d);
	json_add_bool(d, "after", false);
	text = json_line(d);
	assert_string_equal(
		text,
		"{\"s\":\"a\\\"\\n\",\"bad\":\"a?\",\"empty\":\"\",\"n\":1125899906842624,\"r\":1.028,\"list\":[{\"b\":true},null],\"after\":false}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_nests_and_escapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
