/* Asserts how a call failed: code and text. */
#ifndef EXPECT_H
#define EXPECT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <nixferry/err.h>

#define expect_error(err, rc, want, want_text)                                           \
	do {                                                                             \
		assert_int_equal((rc), -(int)(want));                                    \
		assert_string_equal((err).text, (want_text));                            \
		assert_int_equal((err).code, (want));                                    \
	} while (0)

#endif
