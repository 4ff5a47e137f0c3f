#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void allocation_after_a_string_is_aligned_for_any_type(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a);
	for (size_t i = 1; i < 300; i++) {
		arena_strndup(&a, "xyz", i % 4);
		assert_int_equal((uintptr_t)arena_alloc(&a, i) % _Alignof(max_align_t),
				 0);
	}
	arena_release(&a);
}

static void pieces_do_not_overlap(void **state)
{
	struct arena a;
	unsigned char *pieces[2000];

	(void)state;
	arena_init(&a);
	for (size_t i = 0; i < 2000; i++) {
		pieces[i] = arena_alloc(&a, i % 700 + 1);
		memset(pieces[i], (int)(i & 0xff), i % 700 + 1);
	}
	for (size_t i = 0; i < 2000; i++)
		for (size_t k = 0; k < i % 700 + 1; k++)
			assert_int_equal(pieces[i][k], i & 0xff);
	arena_release(&a);
	assert_null(a.head);
	assert_int_equal(a.total, 0);
}

static void large_piece_does_not_waste_the_head_chunk(void **state)
{
	struct arena a;
	char *first;

	(void)state;
	arena_init(&a);
	first = arena_alloc(&a, 16);
	memset(arena_alloc(&a, 1 << 20), 1, 1 << 20);
	assert_ptr_equal(arena_alloc(&a, 16), first + 16);
	arena_release(&a);
}

static void a_small_arena_takes_little_memory(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a);
	arena_alloc(&a, 100);
	assert_in_range(a.total, 100, 1024);
	arena_release(&a);
}

static void copied_string_is_nul_terminated(void **state)
{
	struct nf_slice copy;
	struct arena a;

	(void)state;
	arena_init(&a);
	copy = arena_slice(&a, nf_slice("hello world", 5));
	assert_int_equal(copy.len, 5);
	assert_string_equal(copy.ptr, "hello");
	copy = arena_slice(&a, nf_slice(NULL, 0));
	assert_int_equal(copy.len, 0);
	assert_string_equal(copy.ptr, "");
	arena_release(&a);
}

static void calloc_gives_zeroes(void **state)
{
	static const char zeroes[800];
	struct arena a;

	(void)state;
	arena_init(&a);
	memset(arena_alloc(&a, 333), 0xff, 333);
	assert_memory_equal(arena_calloc(&a, 100, 8), zeroes, 800);
	assert_non_null(arena_calloc(&a, 0, 8));
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allocation_after_a_string_is_aligned_for_any_type),
		cmocka_unit_test(pieces_do_not_overlap),
		cmocka_unit_test(large_piece_does_not_waste_the_head_chunk),
		cmocka_unit_test(a_small_arena_takes_little_memory),
		cmocka_unit_test(copied_string_is_nul_terminated),
		cmocka_unit_test(calloc_gives_zeroes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
