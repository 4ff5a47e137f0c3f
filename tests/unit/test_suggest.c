#include "base/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static const char *nearest(const char *word)
{
	static const char *const words[] = { "prefetch", "pack", "plan",
					     "pool",	 "gc",	 "verify" };
	struct suggest s;

	suggest_init(&s, word);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		suggest_offer(&s, words[i]);
	return s.best;
}

static void the_nearest_word_is_suggested(void **state)
{
	static const struct {
		const char *word, *want, *why;
	} rows[] = {
		{ "prefetchh", "prefetch", "a letter too many" },
		{ "prefech", "prefetch", "a letter too few" },
		{ "prefitch", "prefetch", "another letter" },
		{ "perfetch", "prefetch", "two letters swapped" },
		{ "palck", "pack", "one insertion is nearer than two" },
		{ "pre", "prefetch", "the beginning" },
		{ "ver", "verify", "the beginning" },
		{ "cg", "gc", "a short word, swapped" },
		{ "pr", NULL, "too short for a beginning" },
		{ "import", NULL, "too far" },
		{ "xy", NULL, "two edits are all of a short word" },
		{ "", NULL, "nothing is near to nothing" },
		{ "prefetchprefetchprefetchprefetchprefetch1", NULL, "over 40 letters" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *got = nearest(rows[i].word);

		if (!got != !rows[i].want || (got && strcmp(got, rows[i].want) != 0))
			fail_msg("%s: '%s' gives '%s'", rows[i].why, rows[i].word,
				 got ? got : "nothing");
	}
}

/* Of several that are as near as each other, the first in the table. */
static void the_first_of_equals_stays(void **state)
{
	struct suggest s;

	(void)state;
	suggest_init(&s, "gat");
	suggest_offer(&s, "get");
	suggest_offer(&s, "got");
	assert_string_equal(s.best, "get");
	suggest_offer(&s, "gat");
	assert_string_equal(s.best, "gat");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nearest_word_is_suggested),
		cmocka_unit_test(the_first_of_equals_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
