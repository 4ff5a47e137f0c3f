#include "caches/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "temp_dir.h"

#define NOW  1700000000
#define URL  "https://cache.example.org"
#define WEEK (7 * 24 * 3600)

static struct history parsed(const char *text)
{
	struct history p = HISTORY_INIT;

	history_parse(&p, nf_slice_str(text));
	return p;
}

static void saved_history_is_read_back(void **state)
{
	struct history_entry learned = { 0 };
	struct history p = HISTORY_INIT, again;
	char *text, *twice;

	(void)state;
	history_measured(&learned, NOW, 23000, 47185920);
	history_answered(&learned, NOW + 1);
	history_failed(&learned, NOW + 2, true,
		       nf_slice_str(" Connection\nrefused: a:b "));
	history_learn(&p, URL, &learned);
	text = history_format(&p);
	assert_string_equal(text, "URL: " URL "\n"
				  "AnsweredAt: 1700000001\n"
				  "MeasuredAt: 1700000000\n"
				  "LatencyUs: 23000\n"
				  "BytesPerSecond: 47185920\n"
				  "FailedAt: 1700000002\n"
				  "Failure: Connection refused: a:b\n"
				  "Unreachable: 1\n\n");
	again = parsed(text);
	twice = history_format(&again);
	assert_string_equal(twice, text);
	free(text);
	free(twice);
	history_release(&p);
	history_release(&again);
}

static void unreadable_entries_are_skipped(void **state)
{
	static const struct {
		const char *text;
		size_t count;
		const char *reason;
	} rows[] = {
		{ "", 0, "nothing" },
		{ "URL: http://a\n", 0, "an entry that tells nothing" },
		{ "AnsweredAt: 5\n", 0, "no URL" },
		{ "URL: a b\nAnsweredAt: 5\n", 0, "white space in the URL" },
		{ "URL: http://a\nAnsweredAt: -5\n", 0, "no number" },
		{ "URL: http://a\nAnsweredAt: 99999999999999999999\n", 0, "too large" },
		{ "URL: http://a\nAnsweredAt: 18446744073709551615\n", 0, "no time" },
		{ "URL: http://a\nLatencyUs: 5\n", 0, "a measurement without its time" },
		{ "URL: http://a\nFailure: x\n", 0, "a failure without its time" },
		{ "nonsense\nURL: http://a\nColor: red\nAnsweredAt: 5", 1, "odd lines" },
		{ "\n\n\nURL: http://a\r\nAnsweredAt: 5\r\n\n\n", 1, "line ends" },
		{ "URL: http://a\nAnsweredAt: 5\n\nURL: http://a\nAnsweredAt: 6\n", 1,
		  "twice" },
		{ "URL: http://a\nAnsweredAt: 5\n\nURL: http://b\nFailedAt: 6\n", 2,
		  "two" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct history p = parsed(rows[i].text);

		if (p.count != rows[i].count)
			fail_msg("%s: %zu entries", rows[i].reason, p.count);
		history_release(&p);
	}
}

static void new_measurements_count_as_much_as_all_before(void **state)
{
	struct history_entry e = { 0 };

	(void)state;
	history_measured(&e, NOW, 1000, 0);
	assert_int_equal(e.latency_us, 1000);
	history_measured(&e, NOW + 5, 3000, 100);
	assert_int_equal(e.latency_us, 2000);
	assert_int_equal(e.throughput, 100);
	assert_int_equal(e.measured, NOW + 5);
	history_measured(&e, NOW + 9, 0, 0);
	assert_int_equal(e.measured, NOW + 5);
	history_measured(&e, NOW, UINT32_MAX, UINT64_MAX);
	history_measured(&e, NOW, UINT32_MAX, UINT64_MAX);
	assert_true(e.throughput > UINT64_MAX / 2);
}

static void a_cache_is_down_for_some_minutes_or_until_it_answers(void **state)
{
	struct history_entry e = { 0 };

	(void)state;
	assert_false(history_is_down(NULL, NOW));
	assert_false(history_is_down(&e, NOW));
	history_failed(&e, NOW, false, nf_slice_str("it answered with HTTP status 500"));
	assert_false(history_is_down(&e, NOW));
	history_failed(&e, NOW, true, nf_slice_str("Connection timed out"));
	assert_true(history_is_down(&e, NOW));
	assert_true(history_is_down(&e, NOW + 600));
	assert_false(history_is_down(&e, NOW + 601));
	assert_false(history_is_down(&e, NOW - 90000)); /* the clock was set back */
	history_answered(&e, NOW + 1);
	assert_false(history_is_down(&e, NOW + 1));
	assert_string_equal(e.failure, "Connection timed out");
}

static void cache_that_is_down_gets_a_short_timeout(void **state)
{
	struct history_entry e = { 0 };

	(void)state;
	assert_int_equal(history_first_timeout_ms(NULL, 5000, NOW), 5000);
	history_failed(&e, NOW, true, nf_slice_str("x"));
	assert_int_equal(history_first_timeout_ms(&e, 5000, NOW), 500);
	assert_int_equal(history_first_timeout_ms(&e, 300, NOW), 300);
	history_measured(&e, NOW, 700000, 0);
	assert_int_equal(history_first_timeout_ms(&e, 5000, NOW), 2800);
	history_measured(&e, NOW, UINT32_MAX, 0);
	assert_int_equal(history_first_timeout_ms(&e, 5000, NOW), 5000);
	assert_int_equal(history_first_timeout_ms(&e, 5000, NOW + 3600), 5000);
}

static void old_and_future_facts_are_forgotten(void **state)
{
	struct history p = parsed("URL: http://old\nAnsweredAt: 1000\n\n"
				  "URL: http://mixed\nAnsweredAt: 1700000000\n"
				  "MeasuredAt: 1000\nLatencyUs: 5\n"
				  "FailedAt: 1000\nFailure: x\nUnreachable: 1\n\n"
				  "URL: http://future\nFailedAt: 1800000000\n\n");
	char *text;

	(void)state;
	assert_int_equal(p.count, 3);
	history_expire(&p, NOW);
	text = history_format(&p);
	assert_string_equal(text, "URL: http://mixed\nAnsweredAt: 1700000000\n\n");
	free(text);
	history_expire(&p, NOW + WEEK);
	assert_int_equal(p.count, 1);
	history_expire(&p, NOW + WEEK + 1);
	assert_int_equal(p.count, 0);
	history_release(&p);
}

static void learning_merges_into_the_entry(void **state)
{
	struct history p = parsed("URL: " URL "\nFailedAt: 1699999999\nFailure: gone\n"
				  "Unreachable: 1\n");
	struct history_entry learned = { 0 };

	(void)state;
	history_learn(&p, "http://silent", &learned);
	assert_int_equal(p.count, 1);
	history_answered(&learned, NOW);
	history_learn(&p, URL, &learned);
	assert_int_equal(p.count, 1);
	assert_false(history_find(&p, URL)->unreachable);
	assert_string_equal(history_find(&p, URL)->failure, "gone");
	assert_null(history_find(&p, "http://silent"));
	history_release(&p);
}

static void full_history_drops_the_least_recent_cache(void **state)
{
	struct history p = HISTORY_INIT;
	char url[HISTORY_URL_MAX + 32];

	(void)state;
	for (int i = 0; i <= HISTORY_CACHES_MAX; i++) {
		struct history_entry learned = { .answered = NOW - (i == 3 ? 9 : 0) };

		snprintf(url, sizeof(url), "http://cache-%d", i);
		history_learn(&p, url, &learned);
	}
	assert_int_equal(p.count, HISTORY_CACHES_MAX);
	assert_null(history_find(&p, "http://cache-3"));
	assert_non_null(history_find(&p, "http://cache-0"));
	memset(url, 'a', sizeof(url) - 1);
	url[sizeof(url) - 1] = '\0';
	history_learn(&p, url, &(struct history_entry){ .answered = NOW });
	assert_null(history_find(&p, url));
	history_release(&p);
}

static void file_and_directory_are_private_to_the_user(void **state)
{
	struct temp_dir *t = *state;
	char *file = temp_dir_join(t, "state/nixferry/caches");
	struct history_entry learned = { .answered = NOW };
	struct history p, again;
	struct nf_err err;

	assert_int_equal(history_load(&p, file, NOW, &err), 0);
	assert_int_equal(p.count, 0);
	history_learn(&p, URL, &learned);
	assert_int_equal(history_save(&p, file, &err), 0);
	assert_int_equal(temp_dir_stat(t, "state/nixferry/caches").st_mode & 0777, 0600);
	assert_int_equal(history_load(&again, file, NOW, &err), 0);
	assert_int_equal(history_find(&again, URL)->answered, NOW);
	history_release(&again);
	assert_int_equal(history_load(&again, file, NOW + 2 * WEEK, &err), 0);
	assert_int_equal(again.count, 0);
	history_release(&p);
	history_release(&again);
	free(file);
}

static void oversized_file_is_empty(void **state)
{
	struct temp_dir *t = *state;
	char *file = temp_dir_join(t, "caches"), *text = mem_alloc(300000);
	struct history p;
	struct nf_err err;

	memset(text, 'x', 299999);
	text[299999] = '\0';
	temp_dir_write(t, "caches", text);
	assert_int_equal(history_load(&p, file, NOW, &err), 0);
	assert_int_equal(p.count, 0);
	free(text);
	free(file);
}

static void unusable_file_is_named(void **state)
{
	struct temp_dir *t = *state;
	char *file;
	struct history p;
	struct nf_err err;

	temp_dir_write(t, "plain", "");
	temp_dir_mkdir(t, "dir/caches");
	file = temp_dir_join(t, "dir/caches");
	assert_int_equal(history_load(&p, file, NOW, &err), -NF_E_SYS);
	assert_non_null(strstr(err.text, "caches"));
	free(file);
	file = temp_dir_join(t, "plain/nixferry/caches");
	assert_int_equal(history_save(&p, file, &err), -NF_E_SYS);
	assert_non_null(strstr(err.text, "plain"));
	free(file);
}

static void location_follows_the_xdg_variables(void **state)
{
	char *file;

	(void)state;
	setenv("HOME", "/home/me", 1);
	setenv("XDG_STATE_HOME", "/state", 1);
	file = history_default_file();
	assert_string_equal(file, "/state/nixferry/caches");
	free(file);
	setenv("XDG_STATE_HOME", "relative", 1);
	file = history_default_file();
	assert_string_equal(file, "/home/me/.local/state/nixferry/caches");
	free(file);
	unsetenv("HOME");
	unsetenv("XDG_STATE_HOME");
	assert_null(history_default_file());
}

#define ON_DISK(fn) cmocka_unit_test_setup_teardown(fn, temp_dir_setup, temp_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(saved_history_is_read_back),
		cmocka_unit_test(unreadable_entries_are_skipped),
		cmocka_unit_test(new_measurements_count_as_much_as_all_before),
		cmocka_unit_test(a_cache_is_down_for_some_minutes_or_until_it_answers),
		cmocka_unit_test(cache_that_is_down_gets_a_short_timeout),
		cmocka_unit_test(old_and_future_facts_are_forgotten),
		cmocka_unit_test(learning_merges_into_the_entry),
		cmocka_unit_test(full_history_drops_the_least_recent_cache),
		ON_DISK(file_and_directory_are_private_to_the_user),
		ON_DISK(oversized_file_is_empty),
		ON_DISK(unusable_file_is_named),
		cmocka_unit_test(location_follows_the_xdg_variables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
