#include "base/runs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SPACE 64

/* The same, as one flag a byte. */
struct model {
	bool there[SPACE];
};

static void assert_same(const struct runs *r, const struct model *m)
{
	uint64_t total = 0, end = 0;
	bool there[SPACE] = { false };

	for (size_t i = 0; i < r->len; i++) {
		assert_true(r->list[i].from < r->list[i].end);
		assert_true(i == 0 || r->list[i - 1].end < r->list[i].from);
		for (uint64_t at = r->list[i].from; at < r->list[i].end; at++)
			there[at] = true;
	}
	assert_memory_equal(there, m->there, sizeof(there));
	for (uint64_t at = 0; at < SPACE; at++) {
		total += m->there[at];
		end = m->there[at] ? at + 1 : end;
	}
	assert_int_equal(runs_total(r), total);
	assert_int_equal(runs_end(r), end);
	assert_int_equal(runs_are_whole(r), total == end);
}

static void assert_missing(const struct runs *r, const struct model *m, uint64_t from,
			   uint64_t end)
{
	uint64_t first = from, last;
	struct run run;

	while (first < end && m->there[first])
		first++;
	for (last = first; last < end && !m->there[last];)
		last++;
	if (first >= end) {
		assert_false(runs_missing(r, from, end, &run));
		return;
	}
	assert_true(runs_missing(r, from, end, &run));
	assert_int_equal(run.from, first);
	assert_int_equal(run.end, last);
}

static void runs_agree_with_a_flag_per_byte(void **state)
{
	struct runs r = { 0 };

	(void)state;
	srandom(1);
	for (int round = 0; round < 500; round++) {
		struct model m = { { false } };

		runs_clear(&r);
		for (int i = 0; i < 30; i++) {
			uint64_t from = (uint64_t)random() % SPACE;
			uint64_t end = from + (uint64_t)random() % 8;

			end = end < SPACE ? end : SPACE;
			if (random() % 10 == 0) {
				runs_cut(&r, from);
				memset(m.there + from, 0, SPACE - from);
			} else if (random() % 4 == 0) {
				runs_remove(&r, from, end);
				for (uint64_t at = from; at < end; at++)
					m.there[at] = false;
			} else {
				runs_add(&r, from, end);
				for (uint64_t at = from; at < end; at++)
					m.there[at] = true;
			}
			assert_same(&r, &m);
			assert_missing(&r, &m, from, SPACE);
			assert_missing(&r, &m, (uint64_t)random() % SPACE, end);
		}
	}
	runs_release(&r);
}

static void largest_numbers_do_not_overflow(void **state)
{
	struct runs r = { 0 };
	struct run run;

	(void)state;
	runs_add(&r, 5, UINT64_MAX);
	runs_add(&r, 9, 3);
	assert_int_equal(r.len, 1);
	assert_true(runs_missing(&r, 0, UINT64_MAX, &run));
	assert_int_equal(run.end, 5);
	runs_add(&r, 0, 5);
	assert_true(runs_are_whole(&r));
	assert_false(runs_missing(&r, 0, UINT64_MAX, &run));
	runs_release(&r);
}

static void first_run_is_removed(void **state)
{
	struct runs r = { 0 };
	struct run first;

	(void)state;
	runs_add(&r, 10, 20);
	runs_add(&r, 30, 40);
	runs_add(&r, 0, 5);
	first = runs_take_first(&r);
	assert_int_equal(first.from, 0);
	assert_int_equal(first.end, 5);
	first = runs_take_first(&r);
	assert_int_equal(first.from, 10);
	assert_int_equal(runs_total(&r), 10);
	runs_take_first(&r);
	assert_int_equal(r.len, 0);
	runs_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_agree_with_a_flag_per_byte),
		cmocka_unit_test(largest_numbers_do_not_overflow),
		cmocka_unit_test(first_run_is_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
