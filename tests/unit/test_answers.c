#include "caches/answers.h"

#include <stdlib.h>
#include <string.h>

#include "expect.h"

#include "base/mem.h"

static void answers_are_found_again(void **state)
{
	AUTO(answers_freep) struct answers *a = answers_new(2);
	struct nf_slice text;

	(void)state;
	answers_add(a, 0, "x.narinfo", nf_slice_str("facts"));
	answers_add(a, 0, "y.narinfo", (struct nf_slice){ 0 });
	answers_add(a, 0, "empty", nf_slice_str(""));
	assert_true(answers_find(a, 0, "x.narinfo", &text));
	assert_true(nf_slice_is(text, "facts"));
	assert_true(answers_find(a, 0, "y.narinfo", &text));
	assert_null(text.ptr);
	assert_true(answers_find(a, 0, "empty", &text));
	assert_non_null(text.ptr);
	assert_int_equal(text.len, 0);
	assert_false(answers_find(a, 1, "x.narinfo", &text));
	assert_false(answers_find(a, 0, "z.narinfo", &text));
}

static void dropped_cache_stays_dropped(void **state)
{
	AUTO(answers_freep) struct answers *a = answers_new(2);
	int code;

	(void)state;
	answers_leave_out(a, 1, 6, "first");
	answers_leave_out(a, 1, 5, "refused");
	assert_null(answers_left_out(a, 0, &code));
	assert_string_equal(answers_left_out(a, 1, &code), "refused");
	assert_int_equal(code, 5);
}

/* Only what fits is kept; earlier answers stay. */
static void answers_are_bounded(void **state)
{
	AUTO(answers_freep) struct answers *a = answers_new(1);
	const size_t half = ANSWERS_BYTES_MAX / 2;
	AUTO_FREE char *large = mem_calloc(1, half);
	struct nf_slice text;

	(void)state;
	answers_add(a, 0, "one", nf_slice(large, half));
	answers_add(a, 0, "two", nf_slice(large, half));
	assert_true(answers_find(a, 0, "one", &text));
	assert_int_equal(text.len, half);
	assert_false(answers_find(a, 0, "two", &text));
}

static void cost_of_answers_is_recorded(void **state)
{
	AUTO(answers_freep) struct answers *a = answers_new(2);

	(void)state;
	answers_stats(a, 1)->requests = 3;
	assert_int_equal(answers_stats(a, 1)->requests, 3);
	assert_int_equal(answers_stats(a, 0)->requests, 0);
	answers_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_found_again),
		cmocka_unit_test(dropped_cache_stays_dropped),
		cmocka_unit_test(answers_are_bounded),
		cmocka_unit_test(cost_of_answers_is_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
