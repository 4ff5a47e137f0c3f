#include "base/shell_word.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void shell_words_are_quoted_where_needed(void **state)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
		{ "/mnt", "/mnt" },
		{ "/mnt/my disk", "'/mnt/my disk'" },
		{ "it's", "'it'\\''s'" },
		{ "$(reboot)", "'$(reboot)'" },
		{ "", "''" },
		{ "two\nlines", "$'two\\012lines'" },
		{ "\033'\\", "$'\\033\\'\\\\'" },
		{ "\177\303\251", "$'\\177\\303\\251'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF struct buf out = { 0 };

		buf_init(&out, 256);
		shell_word_add(&out, rows[i].in);
		assert_string_equal(out.ptr, rows[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shell_words_are_quoted_where_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
