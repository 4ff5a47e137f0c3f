#include "base/progress.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/mem.h"

static void a_null_progress_is_allowed_everywhere(void **state)
{
	struct nf_progress_item item;

	(void)state;
	progress_phase(NULL, "fetching");
	assert_string_equal(progress_get_phase(NULL), "");
	progress_add(NULL, PROGRESS_PATHS_DONE, 1);
	progress_set(NULL, PROGRESS_PATHS_DONE, 1);
	assert_int_equal(progress_get(NULL, PROGRESS_PATHS_DONE), 0);
	assert_int_equal(progress_begin(NULL, "fetch", "a"), -1);
	progress_end(NULL, 0);
	assert_int_equal(progress_items(NULL, &item, 1), 0);
	progress_note(NULL, "%d", 1);
	assert_null(progress_take_note(NULL));
	progress_free(NULL);
}

static void counts_and_phase_are_what_was_set(void **state)
{
	struct progress *p = progress_new();

	(void)state;
	assert_string_equal(progress_get_phase(p), "");
	progress_phase(p, "fetching");
	assert_string_equal(progress_get_phase(p), "fetching");
	progress_set(p, PROGRESS_BYTES_TOTAL, 1ULL << 40);
	progress_add(p, PROGRESS_BYTES_TOTAL, 5);
	assert_int_equal(progress_get(p, PROGRESS_BYTES_TOTAL), (1ULL << 40) + 5);
	assert_int_equal(progress_get(p, PROGRESS_BYTES_DONE), 0);
	progress_free(p);
}

static void items_are_shown_until_they_end(void **state)
{
	struct progress *p = progress_new();
	struct nf_progress_item items[NF_PROGRESS_ITEMS];
	int a, b;

	(void)state;
	a = progress_begin(p, "fetch", "a");
	b = progress_begin(p, "unpack", "b");
	assert_int_equal(progress_items(p, items, NF_PROGRESS_ITEMS), 2);
	assert_string_equal(items[0].name, "a");
	assert_string_equal(items[1].verb, "unpack");
	assert_int_equal(progress_items(p, items, 1), 1);
	progress_end(p, a);
	assert_int_equal(progress_items(p, items, NF_PROGRESS_ITEMS), 1);
	assert_string_equal(items[0].name, "b");
	progress_end(p, b);
	assert_int_equal(progress_items(p, items, NF_PROGRESS_ITEMS), 0);
	progress_free(p);
}

static void item_without_room_is_not_counted(void **state)
{
	struct progress *p = progress_new();
	struct nf_progress_item items[NF_PROGRESS_ITEMS];

	(void)state;
	for (int i = 0; i < NF_PROGRESS_ITEMS; i++)
		assert_int_equal(progress_begin(p, "fetch", "a"), i);
	assert_int_equal(progress_begin(p, "fetch", "late"), -1);
	progress_end(p, -1);
	assert_int_equal(progress_items(p, items, NF_PROGRESS_ITEMS), NF_PROGRESS_ITEMS);
	progress_free(p);
}

static void long_name_is_truncated(void **state)
{
	struct progress *p = progress_new();
	struct nf_progress_item item;
	char name[200];

	(void)state;
	memset(name, 'x', sizeof(name));
	name[199] = '\0';
	progress_begin(p, "fetch", name);
	assert_int_equal(progress_items(p, &item, 1), 1);
	assert_int_equal(strlen(item.name), NF_PROGRESS_NAME_MAX - 1);
	progress_free(p);
}

static void bytes_of_an_item_are_what_was_set(void **state)
{
	struct progress *p = progress_new();
	struct nf_progress_item item;
	int a = progress_begin(p, "fetch", "a");

	(void)state;
	progress_items(p, &item, 1);
	assert_int_equal(item.bytes_total, 0);
	assert_int_equal(item.cache, -1);
	progress_item(p, a, 10, 70);
	progress_item_from(p, a, 3);
	progress_items(p, &item, 1);
	assert_int_equal(item.bytes_done, 10);
	assert_int_equal(item.bytes_total, 70);
	assert_int_equal(item.cache, 3);
	assert_true(item.idle_ms < 10000);
	progress_end(p, a);
	/* The next item in the same place begins anew. */
	assert_int_equal(progress_begin(p, "fetch", "b"), a);
	progress_items(p, &item, 1);
	assert_int_equal(item.bytes_done, 0);
	assert_int_equal(item.cache, -1);
	progress_item(p, -1, 1, 1);
	progress_item_from(p, -1, 1);
	progress_free(p);
}

static void wait_ms(long ms)
{
	nanosleep(&(struct timespec){ 0, ms * 1000000 }, NULL);
}

static void what_brings_nothing_is_idle(void **state)
{
	AUTO_FREE struct nf_progress *now = mem_calloc(1, sizeof(*now));
	struct progress *p = progress_new();
	int cache = progress_cache(p, "http://a"), item = progress_begin(p, "fetch", "a");

	(void)state;
	progress_cache_state(p, cache, NF_CACHE_USED, 2);
	progress_look(p, now);
	wait_ms(30);
	progress_look(p, now);
	assert_true(now->caches[0].idle_ms >= 25);
	assert_true(now->items[0].idle_ms >= 25);
	progress_cache_came(p, cache, 7);
	progress_item(p, item, 7, 0);
	progress_look(p, now);
	assert_int_equal(now->caches[0].idle_ms, 0);
	assert_int_equal(now->caches[0].bytes, 7);
	assert_int_equal(now->items[0].idle_ms, 0);
	/* An answer without a byte of a NAR is one, too. */
	wait_ms(30);
	progress_cache_came(p, cache, 0);
	progress_look(p, now);
	assert_int_equal(now->caches[0].idle_ms, 0);
	/* Without a request there is nothing to wait for. */
	progress_cache_state(p, cache, NF_CACHE_GONE, 0);
	wait_ms(30);
	progress_look(p, now);
	assert_int_equal(now->caches[0].idle_ms, 0);
	assert_int_equal(now->caches[0].state, NF_CACHE_GONE);
	progress_free(p);
}

static void caches_have_one_number_each(void **state)
{
	AUTO_FREE struct nf_progress *now = mem_calloc(1, sizeof(*now));
	struct progress *p = progress_new();
	char url[200] = "http://";

	(void)state;
	assert_int_equal(progress_cache(NULL, "http://a"), -1);
	assert_int_equal(progress_cache(p, "http://a"), 0);
	assert_int_equal(progress_cache(p, "http://b"), 1);
	assert_int_equal(progress_cache(p, "http://a"), 0);
	memset(url + 7, 'x', sizeof(url) - 8);
	assert_int_equal(progress_cache(p, url), 2);
	assert_int_equal(progress_cache(p, url), 2);
	for (int i = 3; i < NF_PROGRESS_CACHES; i++) {
		snprintf(url, sizeof(url), "http://%d", i);
		assert_int_equal(progress_cache(p, url), i);
	}
	assert_int_equal(progress_cache(p, "http://late"), -1);
	progress_cache_came(p, -1, 1);
	progress_cache_state(p, -1, NF_CACHE_GONE, 0);
	progress_look(p, now);
	assert_int_equal(now->cache_count, NF_PROGRESS_CACHES);
	assert_string_equal(now->caches[1].url, "http://b");
	assert_int_equal(strlen(now->caches[2].url), NF_PROGRESS_URL_MAX - 1);
	progress_free(p);
}

static void expect_note(struct progress *p, const char *text)
{
	char *note = progress_take_note(p);

	assert_non_null(note);
	assert_string_equal(note, text);
	free(note);
}

static void notes_come_in_order(void **state)
{
	struct progress *p = progress_new();

	(void)state;
	progress_note(p, "one %d", 1);
	progress_note(p, "two");
	expect_note(p, "one 1");
	progress_note(p, "three");
	expect_note(p, "two");
	expect_note(p, "three");
	assert_null(progress_take_note(p));
	progress_note(p, "never taken");
	progress_free(p);
}

static void the_oldest_of_too_many_notes_are_dropped_and_counted(void **state)
{
	struct progress *p = progress_new();

	(void)state;
	for (int i = 0; i < 300; i++)
		progress_note(p, "%d", i);
	expect_note(p, "44 older remarks were dropped");
	for (int i = 44; i < 300; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%d", i);
		expect_note(p, text);
	}
	assert_null(progress_take_note(p));
	progress_free(p);
}

static void *work(void *arg)
{
	struct progress *p = arg;

	for (int i = 0; i < 500; i++) {
		int item = progress_begin(p, "fetch", "a");

		progress_phase(p, i % 2 ? "fetching" : "packing");
		progress_add(p, PROGRESS_PATHS_DONE, 1);
		progress_note(p, "note %d", i);
		progress_end(p, item);
	}
	return NULL;
}

static void answers_are_thread_safe(void **state)
{
	struct progress *p = progress_new();
	struct nf_progress_item items[NF_PROGRESS_ITEMS];
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, p), 0);
	for (size_t i = 0; i < 500; i++) {
		progress_items(p, items, NF_PROGRESS_ITEMS);
		assert_non_null(progress_get_phase(p));
		free(progress_take_note(p));
	}
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(progress_get(p, PROGRESS_PATHS_DONE), 2000);
	assert_int_equal(progress_items(p, items, NF_PROGRESS_ITEMS), 0);
	progress_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_null_progress_is_allowed_everywhere),
		cmocka_unit_test(counts_and_phase_are_what_was_set),
		cmocka_unit_test(items_are_shown_until_they_end),
		cmocka_unit_test(item_without_room_is_not_counted),
		cmocka_unit_test(long_name_is_truncated),
		cmocka_unit_test(bytes_of_an_item_are_what_was_set),
		cmocka_unit_test(what_brings_nothing_is_idle),
		cmocka_unit_test(caches_have_one_number_each),
		cmocka_unit_test(notes_come_in_order),
		cmocka_unit_test(the_oldest_of_too_many_notes_are_dropped_and_counted),
		cmocka_unit_test(answers_are_thread_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
