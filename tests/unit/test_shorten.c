#include "base/shorten.h"

#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"

/* LEN times C. */
static char *run_of(char c, size_t len)
{
	char *text = mem_calloc(len + 1, 1);

	memset(text, c, len);
	return text;
}

static void short_words_stay(void **state)
{
	char *word = run_of('a', SHORTEN_WORD_MAX - 1);
	char *text = mem_printf(" a  %s: b\t", word);
	char *want = mem_strdup(text);

	(void)state;
	shorten_words(text);
	assert_string_equal(text, want);
	free(word);
	free(text);
	free(want);
}

static void long_words_lose_their_middle(void **state)
{
	char *middle = run_of('m', 9000);
	char *text = mem_printf("URL 'https://c/%sEND': gone, '%s' too", middle, middle);
	size_t words = 2 * SHORTEN_WORD_MAX;

	(void)state;
	shorten_words(text);
	assert_true(strlen(text) <= words + strlen("URL  gone,  too"));
	assert_non_null(strstr(text, "URL 'https://c/mmm"));
	assert_non_null(strstr(text, "mmm...mmm"));
	assert_non_null(strstr(text, "mmEND': gone, 'mm"));
	assert_non_null(strstr(text, "mm' too"));
	free(middle);
	free(text);
}

/* Bytes that only continue a character, at the cut or all over: nothing grows. */
static void words_that_are_not_text_do_not_grow(void **state)
{
	(void)state;
	for (size_t len = SHORTEN_WORD_MAX + 1; len < SHORTEN_WORD_MAX + 70; len++) {
		for (size_t first = 0; first < len; first += 7) {
			char *text = run_of('\x80', len);

			memset(text, 'a', first);
			shorten_words(text);
			assert_in_range(strlen(text), 1, SHORTEN_WORD_MAX);
			free(text);
		}
	}
}

static void no_character_is_split(void **state)
{
	for (size_t before = 0; before < 4; before++) {
		char *text = run_of('x', before + 900);

		for (size_t i = 0; i < 300; i++)
			memcpy(text + before + 3 * i, "\xe2\x82\xac", 3);
		shorten_words(text);
		for (const char *at = text; *at;) {
			if (*at == 'x' || *at == '.') {
				at++;
				continue;
			}
			assert_memory_equal(at, "\xe2\x82\xac", 3);
			at += 3;
		}
		free(text);
	}
	(void)state;
}

static void an_error_keeps_its_cause(void **state)
{
	char *url = run_of('u', 8192);
	struct nf_err err;
	int rc;

	(void)state;
	rc = err_set(&err, NF_E_FORMAT, "narinfo '%s': line 3: no ':'", url);
	assert_int_equal(err_prefix(&err, rc, "cache '%s'", url), -NF_E_FORMAT);
	assert_non_null(strstr(err.text, "line 3: no ':'"));
	assert_true(strlen(err.text) < 2 * SHORTEN_WORD_MAX + 64);
	errno = ENOENT;
	assert_int_equal(err_sys(&err, "cannot open '%s'", url), -NF_E_SYS);
	assert_non_null(strstr(err.text, "': No such file or directory"));
	free(url);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_words_stay),
		cmocka_unit_test(long_words_lose_their_middle),
		cmocka_unit_test(words_that_are_not_text_do_not_grow),
		cmocka_unit_test(no_character_is_split),
		cmocka_unit_test(an_error_keeps_its_cause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
