#include "config/substituter_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void the_last_parameters_of_a_url_count(void **state)
{
	struct substituter_list l = SUBSTITUTER_LIST_INIT;
	const struct substituter *added;

	(void)state;
	assert_int_equal(
		substituter_list_add(&l, "https://a?priority=1", false, &added, NULL), 0);
	assert_int_equal(substituter_list_add(&l, "https://b", false, &added, NULL), 0);
	assert_int_equal(
		substituter_list_add(&l, "https://a/?priority=7", false, &added, NULL),
		0);
	assert_int_equal(l.count, 2);
	assert_ptr_equal(added, &l.items[0]);
	assert_string_equal(l.items[0].url, "https://a");
	assert_int_equal(l.items[0].priority, 7);
	substituter_list_release(&l);
}

static void unknown_parameters_are_refused_unless_allowed(void **state)
{
	struct substituter_list l = SUBSTITUTER_LIST_INIT;
	const struct substituter *added;
	struct nf_err err;

	(void)state;
	assert_int_equal(
		substituter_list_add(&l, "https://a?colour=red", false, &added, &err),
		-NF_E_USAGE);
	assert_string_equal(err.text,
			    "substituter 'https://a': unknown parameters: colour");
	assert_int_equal(l.count, 0);
	assert_int_equal(
		substituter_list_add(&l, "https://a?colour=red", true, &added, &err), 0);
	assert_string_equal(added->unknown, "colour");
	substituter_list_release(&l);
}

static void substituter_over_the_limit_is_refused(void **state)
{
	struct substituter_list l = SUBSTITUTER_LIST_INIT;
	const struct substituter *added;
	struct nf_err err;
	char url[32];

	(void)state;
	for (int i = 0; i < SUBSTITUTER_LIST_MAX; i++) {
		snprintf(url, sizeof(url), "https://host%d", i);
		assert_int_equal(substituter_list_add(&l, url, false, &added, NULL), 0);
	}
	assert_int_equal(substituter_list_add(&l, "https://more", false, &added, &err),
			 -NF_E_USAGE);
	assert_string_equal(err.text, "more than 63 substituters");
	assert_int_equal(
		substituter_list_add(&l, "https://host3?trusted=1", false, &added, NULL),
		0);
	assert_true(l.items[3].trusted);
	substituter_list_release(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_parameters_of_a_url_count),
		cmocka_unit_test(unknown_parameters_are_refused_unless_allowed),
		cmocka_unit_test(substituter_over_the_limit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
