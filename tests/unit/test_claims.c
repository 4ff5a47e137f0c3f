#include "fetch/claims.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char right[] = "0123456789abcdef";

static void claim(struct claims *c, uint32_t cache, uint64_t from, const char *bytes)
{
	struct xxh3 *x = xxh3_new();
	uint8_t digest[XXH3_128_SIZE];

	xxh3_update(x, bytes, strlen(bytes));
	xxh3_final(x, digest);
	xxh3_free(x);
	claims_add(c, cache, from, from + strlen(bytes), digest);
}

static int right_file(void)
{
	FILE *f = tmpfile();
	int fd;

	assert_non_null(f);
	assert_int_equal(fwrite(right, 1, strlen(right), f), strlen(right));
	fflush(f);
	fd = dup(fileno(f));
	fclose(f);
	return fd;
}

static void verified_file_shows_which_cache_lied(void **state)
{
	struct claims c = { 0 }, more = { 0 };
	int fd = right_file();
	const struct claim *wrong;
	size_t at = 0;

	(void)state;
	claim(&c, 1, 0, "0123");
	claim(&c, 2, 4, "45x7");
	claim(&more, 1, 8, "89ab");
	claim(&more, 2, 12, "c.ef");
	claim(&more, 3, 12, "c?");
	claims_move(&c, &more);
	assert_int_equal(more.len, 0);
	assert_null(claims_next_wrong(&c, &at));

	claims_compare(&c, fd);
	at = 0;
	wrong = claims_next_wrong(&c, &at);
	assert_non_null(wrong);
	assert_int_equal(wrong->cache, 2);
	assert_int_equal(wrong->from, 4);
	assert_int_equal(wrong->end, 8);
	wrong = claims_next_wrong(&c, &at);
	assert_non_null(wrong);
	assert_int_equal(wrong->cache, 3);
	assert_null(claims_next_wrong(&c, &at));

	claims_drop(&c, 2);
	at = 0;
	wrong = claims_next_wrong(&c, &at);
	assert_non_null(wrong);
	assert_int_equal(wrong->cache, 3);
	claims_release(&c);
	close(fd);
}

/* It may be shorter than what a cache sent. */
static void incomparable_answers_are_not_a_dispute(void **state)
{
	struct claims c = { 0 };
	int fd = right_file();
	size_t at = 0;

	(void)state;
	claim(&c, 1, 10, "abcdefgh");
	claims_compare(&c, fd);
	assert_null(claims_next_wrong(&c, &at));
	claims_release(&c);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verified_file_shows_which_cache_lied),
		cmocka_unit_test(incomparable_answers_are_not_a_dispute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
