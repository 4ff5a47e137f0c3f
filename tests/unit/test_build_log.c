#include "format/build_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/mem.h"

static bool slice_is(struct nf_slice s, const char *want)
{
	return want ? nf_slice_is(s, want) : s.len == 0;
}

static void each_line_is_an_event(void **state)
{
	static const struct {
		const char *line;
		enum build_log_kind kind;
		uint64_t id, type, number;
		const char *first, *second, *text;
	} rows[] = {
		{ "@nix {\"action\":\"start\",\"fields\":[\"/nix/store/a-b\",\"http://c\",\"local\"],\"id\":71859097829382,\"level\":3,\"text\":\"copying\",\"type\":100}",
		  BUILD_LOG_START, 71859097829382, 100, 0, "/nix/store/a-b", "http://c",
		  "copying" },
		{ "@nix {\"action\":\"start\",\"id\":1,\"text\":\"\\u001b[35;1mx\\u001b[0m\",\"type\":0}",
		  BUILD_LOG_START, 1, 0, 0, NULL, NULL, "x" },
		{ "@nix {\"action\":\"stop\",\"id\":9223372036854775807}", BUILD_LOG_STOP,
		  INT64_MAX, 0, 0, NULL, NULL, NULL },
		{ "@nix {\"action\":\"result\",\"fields\":[21,42,0,0],\"id\":7,\"type\":105}",
		  BUILD_LOG_PROGRESS, 7, 0, 21, NULL, NULL, NULL },
		{ "@nix {\"action\":\"result\",\"fields\":[\"a line\"],\"id\":7,\"type\":101}",
		  BUILD_LOG_OTHER, 7, 0, 0, NULL, NULL, NULL },
		{ "@nix {\"action\":\"result\",\"fields\":[-1,42],\"id\":7,\"type\":105}",
		  BUILD_LOG_OTHER, 7, 0, 0, NULL, NULL, NULL },
		{ "@nix {\"action\":\"msg\",\"level\":1,\"msg\":\"\\u001b[35;1mwarning:\\u001b[0m no\"}",
		  BUILD_LOG_MESSAGE, 0, 0, 0, NULL, NULL, "warning: no" },
		{ "@nix {\"action\":\"new in a later Nix\",\"id\":1}", BUILD_LOG_OTHER, 1,
		  0, 0, NULL, NULL, NULL },
		{ "@nix {\"action\":\"start\",\"id\":\"1\",\"type\":100}",
		  BUILD_LOG_BROKEN, 0, 0, 0, NULL, NULL, NULL },
		{ "@nix {\"action\":\"stop\",\"id\":99999999999999999999}",
		  BUILD_LOG_BROKEN, 0, 0, 0, NULL, NULL, NULL },
		{ "@nix {\"action\":\"stop\"", BUILD_LOG_BROKEN, 0, 0, 0, NULL, NULL,
		  NULL },
		{ "@nix ", BUILD_LOG_BROKEN, 0, 0, 0, NULL, NULL, NULL },
		{ "copying path '/nix/store/a-b' from 'https://c'...", BUILD_LOG_COPYING,
		  0, 0, 0, "/nix/store/a-b", "https://c", NULL },
		{ "building '/nix/store/a-b.drv'...", BUILD_LOG_BUILDING, 0, 0, 0,
		  "/nix/store/a-b.drv", NULL, NULL },
		{ "building '/nix/store/a-b'...", BUILD_LOG_MESSAGE, 0, 0, 0,
		  "/nix/store/a-b", NULL, "building '/nix/store/a-b'..." },
		{ "copying path '/nix/store/a-b", BUILD_LOG_MESSAGE, 0, 0, 0, NULL, NULL,
		  "copying path '/nix/store/a-b" },
		{ "\033[1mbold\033", BUILD_LOG_MESSAGE, 0, 0, 0, NULL, NULL, "bold" },
		{ "a\033[", BUILD_LOG_MESSAGE, 0, 0, 0, NULL, NULL, "a" },
		{ "", BUILD_LOG_MESSAGE, 0, 0, 0, NULL, NULL, NULL },
	};
	struct build_log_parser p;

	(void)state;
	build_log_parser_init(&p);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct build_log_event e;

		build_log_parse(&p, nf_slice_str(rows[i].line), &e);
		if (e.kind != rows[i].kind || e.id != rows[i].id ||
		    e.type != rows[i].type || e.number[0] != rows[i].number ||
		    !slice_is(e.field[0], rows[i].first) ||
		    !slice_is(e.field[1], rows[i].second))
			fail_msg("%s", rows[i].line);
		if (rows[i].text && !slice_is(e.text, rows[i].text))
			fail_msg("%s: %.*s", rows[i].line, NF_SLICE_ARG(e.text));
	}
	build_log_parser_release(&p);
}

static void a_line_beyond_the_limit_is_not_parsed(void **state)
{
	AUTO_FREE char *line = mem_alloc(BUILD_LOG_LINE_MAX + 1);
	struct build_log_parser p;
	struct build_log_event e;

	(void)state;
	memset(line, '[', BUILD_LOG_LINE_MAX + 1);
	build_log_parser_init(&p);
	build_log_parse(&p, nf_slice(line, BUILD_LOG_LINE_MAX + 1), &e);
	assert_int_equal(e.kind, BUILD_LOG_OTHER);
	build_log_parse(&p, nf_slice(line, BUILD_LOG_LINE_MAX), &e);
	assert_int_equal(e.kind, BUILD_LOG_MESSAGE);
	memcpy(line, "@nix ", 5);
	build_log_parse(&p, nf_slice(line, BUILD_LOG_LINE_MAX), &e);
	assert_int_equal(e.kind, BUILD_LOG_BROKEN);
	build_log_parser_release(&p);
}

static void a_stamp_is_read_as_it_was_written(void **state)
{
	static const uint64_t times[] = { 0, 7, 999, 1000, 61001, 1000000000000 };
	static const char *const none[] = {
		"",	    "1.000",   "1.00 x", "1.0000 x", ".000 x",
		"-1.000 x", "1.+00 x", "1 x",	 "x",	     "1000000001.000 x",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		char text[BUILD_LOG_STAMP_MAX + 8], stamp[BUILD_LOG_STAMP_MAX];
		struct nf_slice line;
		uint64_t ms = 1;

		snprintf(text, sizeof(text), "%sa 1.5 b",
			 build_log_stamp(stamp, times[i]));
		line = nf_slice_str(text);
		assert_true(build_log_cut_time(&line, &ms));
		assert_int_equal(ms, times[i]);
		assert_true(nf_slice_is(line, "a 1.5 b"));
	}
	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		struct nf_slice line = nf_slice_str(none[i]);
		uint64_t ms;

		if (build_log_cut_time(&line, &ms))
			fail_msg("%s", none[i]);
		assert_true(nf_slice_is(line, none[i]));
	}
}

static void failed_downloads_are_recognised(void **state)
{
	static const struct {
		const char *message, *url, *why;
		bool retries;
		uint64_t delay;
	} rows[] = {
		{ "warning: error: unable to download 'http://a/b': Couldn't connect to server (7); retrying in 318 ms",
		  "http://a/b", "Couldn't connect to server (7)", true, 318 },
		{ "warning: unable to download 'http://a/b': Timeout was reached (28)",
		  "http://a/b", "Timeout was reached (28)", false, 0 },
		{ "warning: unable to download 'http://a': Gone (7) x; retrying in 300 ms (attempt 1/2)",
		  "http://a", "Gone (7) x", true, 300 },
		{ "unable to download 'http://a': x; retrying from offset 5 in 12 ms",
		  "http://a", "x", true, 12 },
		{ "unable to download 'u': x; retrying in 99999999999 ms", "u", "x", true,
		  0 },
		{ "unable to download 'u", NULL, NULL, false, 0 },
		{ "unable to download u: x", NULL, NULL, false, 0 },
		{ "", NULL, NULL, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct build_log_failure f;
		bool found = build_log_failure_in(nf_slice_str(rows[i].message), &f);

		if (found != (rows[i].url != NULL))
			fail_msg("%s", rows[i].message);
		if (found &&
		    (!slice_is(f.url, rows[i].url) || !slice_is(f.why, rows[i].why) ||
		     f.retries != rows[i].retries || f.delay_ms != rows[i].delay))
			fail_msg("%s", rows[i].message);
	}
}

static void failed_builds_are_recognised(void **state)
{
	static const struct {
		const char *message, *drv;
	} rows[] = {
		{ "error: builder for '/nix/store/a-b.drv' failed with exit code 1;",
		  "/nix/store/a-b.drv" },
		{ "error: Cannot build '/nix/store/a-b.drv'.\n       Reason: x",
		  "/nix/store/a-b.drv" },
		{ "error: Cannot build it's a", NULL },
		{ "nothing", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct nf_slice drv = { 0 };

		assert_int_equal(
			build_log_failed_build_in(nf_slice_str(rows[i].message), &drv),
			rows[i].drv != NULL);
		if (rows[i].drv)
			assert_true(nf_slice_is(drv, rows[i].drv));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_line_is_an_event),
		cmocka_unit_test(a_line_beyond_the_limit_is_not_parsed),
		cmocka_unit_test(a_stamp_is_read_as_it_was_written),
		cmocka_unit_test(failed_downloads_are_recognised),
		cmocka_unit_test(failed_builds_are_recognised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
