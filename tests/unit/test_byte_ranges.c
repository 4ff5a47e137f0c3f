#include "base/byte_ranges.h"

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

static void assert_same(const struct byte_ranges *r, const struct model *m)
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
	assert_int_equal(byte_ranges_total(r), total);
	assert_int_equal(byte_ranges_end(r), end);
	assert_int_equal(byte_ranges_are_whole(r), total == end);
}

static void assert_missing(const struct byte_ranges *r, const struct model *m,
			   uint64_t from, uint64_t end)
{
	uint64_t first = from, last;
	struct byte_range range;

	while (first < end && m->there[first])
		first++;
	for (last = first; last < end && !m->there[last];)
		last++;
	if (first >= end) {
		assert_false(byte_ranges_missing(r, from, end, &range));
		return;
	}
	assert_true(byte_ranges_missing(r, from, end, &range));
	assert_int_equal(range.from, first);
	assert_int_equal(range.end, last);
}

static void ranges_agree_with_a_flag_per_byte(void **state)
{
	struct byte_ranges r = { 0 };

	(void)state;
	srandom(1);
	for (int round = 0; round < 500; round++) {
		struct model m = { { false } };

		byte_ranges_clear(&r);
		for (int i = 0; i < 30; i++) {
			uint64_t from = (uint64_t)random() % SPACE;
			uint64_t end = from + (uint64_t)random() % 8;

			end = end < SPACE ? end : SPACE;
			if (random() % 10 == 0) {
				byte_ranges_cut(&r, from);
				memset(m.there + from, 0, SPACE - from);
			} else if (random() % 4 == 0) {
				byte_ranges_remove(&r, from, end);
				for (uint64_t at = from; at < end; at++)
					m.there[at] = false;
			} else {
				byte_ranges_add(&r, from, end);
				for (uint64_t at = from; at < end; at++)
					m.there[at] = true;
			}
			assert_same(&r, &m);
			assert_missing(&r, &m, from, SPACE);
			assert_missing(&r, &m, (uint64_t)random() % SPACE, end);
		}
	}
	byte_ranges_release(&r);
}

static void largest_numbers_do_not_overflow(void **state)
{
	struct byte_ranges r = { 0 };
	struct byte_range range;

	(void)state;
	byte_ranges_add(&r, 5, UINT64_MAX);
	byte_ranges_add(&r, 9, 3);
	assert_int_equal(r.len, 1);
	assert_true(byte_ranges_missing(&r, 0, UINT64_MAX, &range));
	assert_int_equal(range.end, 5);
	byte_ranges_add(&r, 0, 5);
	assert_true(byte_ranges_are_whole(&r));
	assert_false(byte_ranges_missing(&r, 0, UINT64_MAX, &range));
	byte_ranges_release(&r);
}

static void first_run_is_removed(void **state)
{
	struct byte_ranges r = { 0 };
	struct byte_range first;

	(void)state;
	byte_ranges_add(&r, 10, 20);
	byte_ranges_add(&r, 30, 40);
	byte_ranges_add(&r, 0, 5);
	first = byte_ranges_take_first(&r);
	assert_int_equal(first.from, 0);
	assert_int_equal(first.end, 5);
	first = byte_ranges_take_first(&r);
	assert_int_equal(first.from, 10);
	assert_int_equal(byte_ranges_total(&r), 10);
	byte_ranges_take_first(&r);
	assert_int_equal(r.len, 0);
	byte_ranges_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_agree_with_a_flag_per_byte),
		cmocka_unit_test(largest_numbers_do_not_overflow),
		cmocka_unit_test(first_run_is_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
