#include "format/build_account.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/slice.h"

#define LINE_MAX_TEXT 512

static void start(struct build_account_reader *r, uint64_t ms, int id, int type,
		  const char *fields)
{
	char line[LINE_MAX_TEXT];

	snprintf(line, sizeof(line),
		 "@nix {\"action\":\"start\",\"fields\":[%s],\"id\":%d,\"type\":%d}",
		 fields, id, type);
	build_account_line_at(r, nf_slice_str(line), ms);
}

static void stop(struct build_account_reader *r, uint64_t ms, int id)
{
	char line[LINE_MAX_TEXT];

	snprintf(line, sizeof(line), "@nix {\"action\":\"stop\",\"id\":%d}", id);
	build_account_line_at(r, nf_slice_str(line), ms);
}

static void progress(struct build_account_reader *r, uint64_t ms, int id, long done)
{
	char line[LINE_MAX_TEXT];

	snprintf(
		line, sizeof(line),
		"@nix {\"action\":\"result\",\"fields\":[%ld,9999],\"id\":%d,\"type\":105}",
		done, id);
	build_account_line_at(r, nf_slice_str(line), ms);
}

static void message(struct build_account_reader *r, uint64_t ms, const char *text)
{
	char line[LINE_MAX_TEXT];

	snprintf(line, sizeof(line),
		 "@nix {\"action\":\"msg\",\"level\":1,\"msg\":\"%s\"}", text);
	build_account_line_at(r, nf_slice_str(line), ms);
}

/* Every moment belongs to one of them. */
static void assert_sum(const struct build_account *a)
{
	const struct build_account_times *t = &a->times;

	assert_int_equal(t->building + t->copying + t->asking + t->failing + t->other,
			 t->total);
}

static void each_moment_counts_once(void **state)
{
	AUTO(build_account_reader_freep)
	struct build_account_reader *r = build_account_reader_new();
	const struct build_account *a;

	(void)state;
	start(r, 100, 1, 101, "\"http://c/x.narinfo\"");
	stop(r, 150, 1);
	start(r, 150, 2, 100, "\"/nix/store/h-p\",\"http://c?priority=1\",\"local\"");
	start(r, 160, 3, 101, "\"http://c/nar/x.nar.xz\"");
	progress(r, 200, 3, 1000);
	progress(r, 250, 3, 3000);
	progress(r, 250, 2, 9000);
	start(r, 300, 4, 105, "\"/nix/store/h-b.drv\",\"\",1,1");
	stop(r, 400, 3);
	stop(r, 400, 2);
	stop(r, 1000, 4);
	message(r, 1100, "done");
	a = build_account_finish(r);
	assert_true(a->has_times);
	assert_int_equal(a->times.total, 1100);
	assert_int_equal(a->times.asking, 50);
	assert_int_equal(a->times.copying, 150);
	assert_int_equal(a->times.building, 700);
	assert_int_equal(a->times.other, 200);
	assert_sum(a);
	assert_int_equal(a->ncaches, 1);
	assert_true(nf_slice_is(a->caches[0].name, "http://c"));
	assert_int_equal(a->caches[0].copies, 1);
	assert_int_equal(a->caches[0].downloaded, 3000);
	assert_int_equal(a->caches[0].busy_ms, 250);
	assert_int_equal(a->copies[0].nar_size, 9000);
	assert_int_equal(a->builds[0].to_ms - a->builds[0].from_ms, 700);
	assert_int_equal(a->builds[0].state, BUILD_ACCOUNT_ENDED);
	assert_int_equal(a->builds[0].reason, BUILD_ACCOUNT_UNKNOWN);
}

/* The first attempt and the pause are lost; the second one was of use. */
static void a_retry_that_succeeds_is_not_lost(void **state)
{
	AUTO(build_account_reader_freep)
	struct build_account_reader *r = build_account_reader_new();
	const struct build_account *a;

	(void)state;
	start(r, 0, 1, 101, "\"http://c/nar/x.nar.xz\"");
	progress(r, 100, 1, 500);
	message(r, 1000,
		"unable to download 'http://c/nar/x.nar.xz': cut; retrying in 300 ms");
	progress(r, 1500, 1, 700);
	stop(r, 2000, 1);
	a = build_account_finish(r);
	assert_int_equal(a->times.failing, 1300);
	assert_int_equal(a->times.copying, 700);
	assert_sum(a);
	assert_int_equal(a->caches[0].downloaded, 1200);
	assert_int_equal(a->caches[0].failures, 1);
	assert_int_equal(a->caches[0].failed_ms, 1300);
	assert_true(nf_slice_is(a->caches[0].why, "cut"));
}

/* Some versions of Nix report the last failure only after the transfer. */
static void a_dead_cache_is_lost_time(void **state)
{
	for (int late = 0; late < 2; late++) {
		AUTO(build_account_reader_freep)
		struct build_account_reader *r = build_account_reader_new();
		const struct build_account *a;

		(void)state;
		start(r, 0, 1, 101, "\"http://dead/nix-cache-info\"");
		message(r, 5000,
			"unable to download 'http://dead/nix-cache-info': no (7); retrying in 250 ms");
		if (late)
			stop(r, 10250, 1);
		message(r, 10250,
			"unable to download 'http://dead/nix-cache-info': no (7)");
		if (!late)
			stop(r, 10250, 1);
		message(r, 11000, "more");
		a = build_account_finish(r);
		assert_int_equal(a->times.failing, 10250);
		assert_int_equal(a->times.asking, 0);
		assert_sum(a);
		assert_int_equal(a->caches[0].failures, 2);
		assert_int_equal(a->caches[0].retry_ms, 250);
	}
}

static void a_build_has_a_reason_where_caches_were_asked(void **state)
{
	AUTO(build_account_reader_freep)
	struct build_account_reader *r = build_account_reader_new();
	const struct build_account *a;

	(void)state;
	start(r, 0, 1, 109, "\"/nix/store/h1-asked-1.2-dev\",\"http://c\"");
	start(r, 0, 2, 105, "\"/nix/store/h2-asked-1.2.drv\",\"ssh://m\",1,1");
	start(r, 0, 3, 105, "\"/nix/store/h3-local.drv\",\"\",1,1");
	message(r, 10,
		"error: builder for '/nix/store/h3-local.drv' failed with exit code 1");
	stop(r, 10, 3);
	a = build_account_finish(r);
	assert_int_equal(a->builds[0].reason, BUILD_ACCOUNT_IN_NO_CACHE);
	assert_int_equal(a->builds[0].state, BUILD_ACCOUNT_STARTED);
	assert_int_equal(a->builds[0].to_ms, 10);
	assert_true(nf_slice_is(a->builds[0].machine, "ssh://m"));
	assert_int_equal(a->builds[1].reason, BUILD_ACCOUNT_NOT_ASKED);
	assert_int_equal(a->builds[1].state, BUILD_ACCOUNT_FAILED);
}

static void plain_lines_have_no_durations(void **state)
{
	static const char *const lines[] = {
		"these 2 derivations will be built:",
		"copying path '/nix/store/h-a' from 'https://u:p@c/x/'...",
		"building '/nix/store/h-b.drv'...",
		"warning: unable to download 'https://d/nix-cache-info': no (7); retrying in 300 ms",
		"warning: unable to download 'https://d/nix-cache-info': no (7)",
	};
	AUTO(build_account_reader_freep)
	struct build_account_reader *r = build_account_reader_new();
	const struct build_account *a;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		build_account_line_at(r, nf_slice_str(lines[i]), 1000 * i);
	a = build_account_finish(r);
	assert_false(a->has_times);
	assert_int_equal(a->ncopies, 1);
	assert_int_equal(a->nbuilds, 1);
	assert_int_equal(a->ncaches, 2);
	/* No password. */
	assert_true(nf_slice_is(a->caches[0].name, "https://c/x"));
	assert_true(nf_slice_is(a->caches[1].name, "https://d"));
	assert_int_equal(a->caches[1].failures, 2);
	assert_int_equal(a->caches[1].retry_ms, 300);
}

static void times_are_read_only_where_the_first_line_says_so(void **state)
{
	static const char *const lines[] = {
		"nixferry-log 1",
		"0.500 @nix {\"action\":\"start\",\"fields\":[\"/nix/store/h-b.drv\"],\"id\":1,\"type\":105}",
		"0.100 @nix {\"action\":\"msg\",\"msg\":\"time never goes back\"}",
		"2.000 @nix {\"action\":\"stop\",\"id\":1}",
	};

	(void)state;
	for (size_t first = 0; first < 2; first++) {
		AUTO(build_account_reader_freep)
		struct build_account_reader *r = build_account_reader_new();
		const struct build_account *a;

		for (size_t i = first; i < ARRAY_SIZE(lines); i++)
			build_account_line(r, nf_slice_str(lines[i]));
		a = build_account_finish(r);
		assert_int_equal(a->has_times, first == 0);
		assert_int_equal(a->nbuilds, first == 0 ? 1 : 0);
		assert_int_equal(a->times.building, first == 0 ? 1500 : 0);
	}
}

static void hostile_events_do_no_harm(void **state)
{
	AUTO(build_account_reader_freep)
	struct build_account_reader *r = build_account_reader_new();
	char name[BUILD_LOG_NAME_MAX + 4];
	char line[BUILD_LOG_NAME_MAX + 200];
	const struct build_account *a;

	(void)state;
	stop(r, 0, 99);
	progress(r, 0, 99, 1);
	start(r, 0, 1, 105, "");
	start(r, 0, 1, 100, "\"\",\"\"");
	start(r, 0, 1, 101, "\"://\"");
	start(r, 0, 2, 101, "\"http://@/nar/\"");
	start(r, 0, 2, 101, "\"//nar/\""); /* the same number */
	start(r, 0, 3, 109, "\"-\",\"\"");
	start(r, 0, 4, 109, "\"/\"");
	message(r, 0, "unable to download '': ");
	progress(r, 0, 2, 9223372036854775807L);
	stop(r, 5, 2);
	stop(r, 9, 2);
	memset(name, 'x', sizeof(name));
	snprintf(line, sizeof(line), "building '%.*s.drv'...", (int)sizeof(name), name);
	build_account_line_at(r, nf_slice_str(line), 9);
	build_account_line_at(r, nf_slice_str("@nix {"), 9);
	a = build_account_finish(r);
	assert_int_equal(a->nbuilds, 0);
	assert_int_equal(a->ignored, 1);
	assert_int_equal(a->broken, 1);
	assert_sum(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_moment_counts_once),
		cmocka_unit_test(a_retry_that_succeeds_is_not_lost),
		cmocka_unit_test(a_dead_cache_is_lost_time),
		cmocka_unit_test(a_build_has_a_reason_where_caches_were_asked),
		cmocka_unit_test(plain_lines_have_no_durations),
		cmocka_unit_test(times_are_read_only_where_the_first_line_says_so),
		cmocka_unit_test(hostile_events_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
