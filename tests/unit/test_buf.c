#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void additions_are_concatenated(void **state)
{
	AUTO_BUF struct buf b = { 0 };

	(void)state;
	buf_init(&b, 1000);
	assert_int_equal(buf_slice(&b).len, 0);
	buf_add_str(&b, "ab");
	buf_add_char(&b, '\0');
	buf_add_slice(&b, nf_slice("cdef", 2));
	buf_addf(&b, "-%d-", 17);
	buf_add(&b, NULL, 0);
	assert_int_equal(b.len, 9);
	assert_memory_equal(b.ptr, "ab\0cd-17-", 10);
	buf_clear(&b);
	assert_string_equal(b.ptr, "");
	buf_add_str(&b, "x");
	assert_string_equal(b.ptr, "x");
}

/* What is appended survives each move to more memory. */
static void buffer_grows_up_to_its_maximum(void **state)
{
	AUTO_BUF struct buf b = { 0 };

	(void)state;
	buf_init(&b, 5000);
	for (int i = 0; i < 5000; i++)
		buf_add_char(&b, (char)('a' + i % 26));
	assert_false(buf_failed(&b));
	assert_int_equal(b.len, 5000);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(b.ptr[i], 'a' + i % 26);
	assert_int_equal(b.ptr[5000], '\0');
	buf_add_char(&b, 'z');
	assert_true(buf_failed(&b));
	assert_int_equal(b.len, 5000);
}

static void a_failure_lasts_until_the_buffer_is_cleared(void **state)
{
	AUTO_BUF struct buf b = { 0 };

	(void)state;
	buf_init(&b, 4);
	buf_add_str(&b, "abc");
	buf_add_str(&b, "de");
	assert_true(buf_failed(&b));
	buf_add_char(&b, 'd');
	buf_addf(&b, "d");
	assert_string_equal(b.ptr, "abc");
	buf_clear(&b);
	assert_false(buf_failed(&b));
	buf_addf(&b, "%s", "abcde");
	assert_true(buf_failed(&b));
	buf_clear(&b);
	buf_addf(&b, "%s", "abcd");
	assert_false(buf_failed(&b));
	/* A length that wraps around with what is there. */
	buf_add(&b, "x", SIZE_MAX);
	assert_true(buf_failed(&b));
	assert_string_equal(b.ptr, "abcd");
}

static void taken_text_belongs_to_the_caller(void **state)
{
	AUTO_BUF struct buf b = { 0 };
	AUTO_FREE char *text = NULL, *empty = NULL;

	(void)state;
	buf_init(&b, 4);
	buf_add_str(&b, "abcd");
	text = buf_take(&b);
	assert_string_equal(text, "abcd");
	assert_int_equal(b.len, 0);
	empty = buf_take(&b);
	assert_string_equal(empty, "");
	buf_add_str(&b, "efgh");
	assert_false(buf_failed(&b));
	assert_string_equal(text, "abcd");
	buf_release(&b);
	assert_int_equal(b.max, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(additions_are_concatenated),
		cmocka_unit_test(buffer_grows_up_to_its_maximum),
		cmocka_unit_test(a_failure_lasts_until_the_buffer_is_cleared),
		cmocka_unit_test(taken_text_belongs_to_the_caller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
