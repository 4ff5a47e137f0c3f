#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define KEYS	100000
#define KEY_LEN 12

static void empty_map_finds_nothing(void **state)
{
	struct map m;

	(void)state;
	map_init(&m);
	assert_null(map_get(&m, NF_SLICE_LIT("a")));
	assert_null(map_get(&m, nf_slice(NULL, 0)));
	map_release(&m);
}

static void second_put_finds_the_first_value(void **state)
{
	struct map m;
	bool new;

	(void)state;
	map_init(&m);
	*map_put(&m, NF_SLICE_LIT("a"), &new) = 7;
	assert_true(new);
	assert_int_equal(*map_put(&m, NF_SLICE_LIT("a"), &new), 7);
	assert_false(new);
	assert_int_equal(*map_put(&m, NF_SLICE_LIT("b"), &new), 0);
	assert_true(new);
	assert_int_equal(m.len, 2);
	map_release(&m);
}

static void keys_are_bytes_of_any_value_and_length(void **state)
{
	static const struct nf_slice keys[] = {
		{ NULL, 0 }, { "\0", 1 },  { "\0\0", 2 },
		{ "a", 1 },  { "a\0", 2 }, { "aa", 2 },
	};
	struct map m;
	bool new;

	(void)state;
	map_init(&m);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		*map_put(&m, keys[i], &new) = i;
		assert_true(new);
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_int_equal(*map_get(&m, keys[i]), i);
	map_release(&m);
}

static void many_keys_are_all_found_and_others_are_not(void **state)
{
	char(*text)[KEY_LEN] = calloc(KEYS, KEY_LEN);
	struct map m;
	bool new;

	(void)state;
	map_init(&m);
	for (size_t i = 0; i < KEYS; i++) {
		snprintf(text[i], KEY_LEN, "key%zu", i);
		*map_put(&m, nf_slice_str(text[i]), &new) = i;
		assert_true(new);
	}
	assert_int_equal(m.len, KEYS);
	for (size_t i = 0; i < KEYS; i++) {
		uintptr_t *value = map_get(&m, nf_slice_str(text[i]));

		assert_non_null(value);
		assert_int_equal(*value, i);
		text[i][0] = 'K';
		assert_null(map_get(&m, nf_slice_str(text[i])));
		text[i][0] = 'k';
	}
	map_release(&m);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_map_finds_nothing),
		cmocka_unit_test(second_put_finds_the_first_value),
		cmocka_unit_test(keys_are_bytes_of_any_value_and_length),
		cmocka_unit_test(many_keys_are_all_found_and_others_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
