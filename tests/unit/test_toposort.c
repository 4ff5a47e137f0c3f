#include "base/toposort.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

#define NODES 6

/* What each node needs, with TOPOSORT_END after the last. */
static uint32_t need(void *ctx, uint32_t node, size_t i)
{
	uint32_t(*graph)[4] = ctx;

	return graph[node][i];
}

#define END  TOPOSORT_END
#define NONE TOPOSORT_NONE

static void references_come_before_referrers(void **state)
{
	uint32_t graph[NODES][4] = {
		{ 1, 2, END }, { 3, END }, { 3, NONE, 4, END }, { END }, { END }, { END },
	};
	static const uint32_t expected[] = { 3, 1, 4, 2, 0 };
	struct toposort t;

	(void)state;
	toposort_init(&t, NODES, need, graph);
	assert_true(toposort_add(&t, 0));
	assert_true(toposort_add(&t, 3)); /* it is there */
	assert_int_equal(t.len, ARRAY_SIZE(expected));
	assert_memory_equal(t.order, expected, sizeof(expected));
	assert_true(toposort_add(&t, 5));
	assert_int_equal(t.order[t.len - 1], 5);
	toposort_release(&t);
}

static void circle_is_reported(void **state)
{
	uint32_t circle[NODES][4] = { { 1, END }, { 2, END }, { 3, 0, END },
				      { END },	  { END },    { END } };
	uint32_t self[NODES][4] = { { 0, END }, { END }, { END },
				    { END },	{ END }, { END } };
	struct toposort t;

	(void)state;
	toposort_init(&t, NODES, need, circle);
	assert_false(toposort_add(&t, 0));
	assert_int_equal(t.node, 2);
	assert_int_equal(t.needed, 0);
	toposort_release(&t);
	toposort_init(&t, NODES, need, self);
	assert_false(toposort_add(&t, 0));
	assert_int_equal(t.node, 0);
	assert_int_equal(t.needed, 0);
	toposort_release(&t);
}

static uint32_t next_in_chain(void *ctx, uint32_t node, size_t i)
{
	const size_t *count = ctx;

	return i == 0 && node + 1 < *count ? node + 1 : END;
}

static void long_chain_does_not_overflow_the_stack(void **state)
{
	size_t count = 1000000;
	struct toposort t;

	(void)state;
	toposort_init(&t, count, next_in_chain, &count);
	assert_true(toposort_add(&t, 0));
	assert_int_equal(t.len, count);
	assert_int_equal(t.order[0], count - 1);
	toposort_release(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_come_before_referrers),
		cmocka_unit_test(circle_is_reported),
		cmocka_unit_test(long_chain_does_not_overflow_the_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
