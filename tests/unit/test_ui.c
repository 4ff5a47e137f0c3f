#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/shell_word.h"
#include "cmd/human.h"
#include "cmd/json.h"
#include "cmd/progress_view.h"
#include "cmd/ui.h"

static void sizes_are_short(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *want;
	} rows[] = {
		{ 0, "0 B" },
		{ 1023, "1023 B" },
		{ 1024, "1.00 KiB" },
		{ 10 * 1024, "10.0 KiB" },
		{ 10235, "10.0 KiB" },
		{ 1024 * 1024 - 1, "1.00 MiB" },
		{ 2588 * 1024ULL * 1024, "2.53 GiB" },
		{ 1ULL << 50, "1.00 PiB" },
		{ UINT64_MAX, "16.0 EiB" },
	};
	char out[HUMAN_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(human_size(out, rows[i].bytes), rows[i].want);
}

static void durations_are_short(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *want;
	} rows[] = {
		{ 0, "0 s" },
		{ 59, "59 s" },
		{ 60, "1:00 min" },
		{ 3599, "59:59 min" },
		{ 3600, "1:00 h" },
		{ 7 * 3600 + 125, "7:02 h" },
		{ 50 * 3600, "2 d 2 h" },
		{ UINT64_MAX, "over 1000 d" },
	};
	char out[HUMAN_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(human_duration(out, rows[i].seconds), rows[i].want);
}

static void latencies_have_two_digits_or_so(void **state)
{
	static const struct {
		uint32_t us;
		const char *want;
	} rows[] = {
		{ 0, "0.00 ms" },   { 250, "0.25 ms" },	  { 3140, "3.1 ms" },
		{ 31400, "31 ms" }, { 999499, "999 ms" }, { 2140000, "2.1 s" },
	};
	char out[HUMAN_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(human_latency(out, rows[i].us), rows[i].want);
}

static void hostile_text_cannot_steer_the_terminal(void **state)
{
	static const struct {
		const char *in, *want, *why;
	} rows[] = {
		{ "plain text", "plain text", "left alone" },
		{ "caf\xc3\xa9 \xf0\x9f\x9a\xa2", "caf\xc3\xa9 \xf0\x9f\x9a\xa2",
		  "UTF-8 stays" },
		{ "a\033[2Jb", "a?[2Jb", "escape" },
		{ "a\r\n\tb", "a???b", "line ends and tabs" },
		{ "a\x7f"
		  "b",
		  "a?b", "DEL" },
		{ "a\xc2\x9b"
		  "b",
		  "a?b", "C1 control in UTF-8" },
		{ "a\x9b"
		  "b",
		  "a?b", "C1 control as a byte" },
		{ "a\xe2\x80\xae"
		  "b",
		  "a?b", "right-to-left override" },
		{ "a\xe2\x81\xa6"
		  "b",
		  "a?b", "isolate" },
		{ "\xc0\xaf", "??", "overlong" },
		{ "\xed\xa0\x80", "???", "surrogate" },
		{ "\xf5\x80\x80\x80", "????", "beyond Unicode" },
		{ "\xe2\x82", "??", "cut" },
		{ "\xff", "?", "no UTF-8" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF struct buf out = { 0 };

		buf_init(&out, 256);
		human_clean(&out, nf_slice_str(rows[i].in));
		if (strcmp(out.ptr, rows[i].want) != 0)
			fail_msg("%s: got '%s'", rows[i].why, out.ptr);
	}
}

static void shell_words_are_quoted_where_needed(void **state)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
		{ "/mnt", "/mnt" },
		{ "/mnt/my disk", "'/mnt/my disk'" },
		{ "it's", "'it'\\''s'" },
		{ "$(reboot)", "'$(reboot)'" },
		{ "", "''" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF struct buf out = { 0 };

		buf_init(&out, 256);
		shell_word_add(&out, rows[i].in);
		assert_string_equal(out.ptr, rows[i].want);
	}
}

static void json_nests_and_escapes(void **state)
{
	AUTO(json_doc_freep) struct json_doc *d = json_doc_new();
	AUTO_FREE char *text = NULL;

	(void)state;
	json_add_str(d, "s", "a\"\n");
	json_add_str(d, "bad", "a\xff");
	json_add_slice(d, "empty", nf_slice(NULL, 0));
	json_add_number(d, "n", 1ULL << 50);
	json_add_ratio(d, "r", 447, 435);
	json_begin_array(d, "list");
	json_begin_object(d, NULL);
	json_add_bool(d, "b", true);
	json_end(d);
	json_add_null(d, NULL);
	json_end(d);
	json_add_bool(d, "after", false);
	text = json_line(d);
	assert_string_equal(
		text,
		"{\"s\":\"a\\\"\\n\",\"bad\":\"a?\",\"empty\":\"\",\"n\":1125899906842624,\"r\":1.028,\"list\":[{\"b\":true},null],\"after\":false}");
}

static void speed_is_smoothed(void **state)
{
	struct rate r = { 0 };

	(void)state;
	rate_update(&r, 0, 100);
	assert_true(r.per_second == 0);
	rate_update(&r, 1000, 101);
	assert_true(r.per_second == 1000);
	rate_update(&r, 1000, 101);
	assert_true(r.per_second == 1000);
	/* A second without a byte halves it at most. */
	rate_update(&r, 1000, 102);
	assert_true(r.per_second > 500 && r.per_second < 1000);
	/* Another phase counts from 0. */
	rate_update(&r, 10, 103);
	assert_true(r.per_second == 0);
}

static void the_line_says_what_is_known(void **state)
{
	static const struct {
		struct progress_sample sample;
		const char *want;
	} rows[] = {
		{ { .now = { 0 } }, "starting" },
		{ { .now = { .phase = "packing" } }, "packing" },
		{ { .now = { .phase = "resolving", .resolved = 3, .resolving = 9 } },
		  "resolving: 3 of 9 path infos" },
		{ { .now = { .phase = "resolving", .resolving = 1 } },
		  "resolving: 0 of 1 path info" },
		{ { .now = { .phase = "fetching",
			     .paths_total = 430,
			     .paths_done = 12,
			     .bytes_total = 400 << 20,
			     .bytes_done = 100 << 20,
			     .resolved = 430 },
		    .bytes_per_second = 10 << 20 },
		  "fetching: 12 of 430 paths, 100.0 MiB of 400.0 MiB, 10.0 MiB/s, 30 s left" },
		/* What is slower says when it is over. */
		{ { .now = { .phase = "fetching",
			     .bytes_total = 40 << 20,
			     .bytes_done = 30 << 20,
			     .nar_bytes_total = 200 << 20,
			     .nar_bytes_done = 20 << 20 },
		    .bytes_per_second = 10 << 20,
		    .nar_bytes_per_second = 3 << 20 },
		  "fetching: 30.0 MiB of 40.0 MiB, 10.0 MiB/s, 1:00 min left" },
		{ { .now = { .phase = "compressing",
			     .bytes_total = 40 << 20,
			     .bytes_done = 40 << 20,
			     .nar_bytes_total = 200 << 20,
			     .nar_bytes_done = 140 << 20 },
		    .bytes_per_second = 5,
		    .nar_bytes_per_second = 3 << 20 },
		  "compressing: 140.0 MiB of 200.0 MiB, 3.00 MiB/s, 20 s left" },
		/* Nobody knows for how long a transfer stands still. */
		{ { .now = { .phase = "fetching",
			     .bytes_total = 40 << 20,
			     .bytes_done = 30 << 20,
			     .nar_bytes_total = 200 << 20,
			     .nar_bytes_done = 150 << 20 },
		    .bytes_per_second = 0.5,
		    .nar_bytes_per_second = 3 << 20 },
		  "fetching: 30.0 MiB of 40.0 MiB" },
		/* The work has not begun to be measured. */
		{ { .now = { .phase = "fetching",
			     .bytes_total = 40 << 20,
			     .bytes_done = 30 << 20,
			     .nar_bytes_total = 200 << 20 },
		    .bytes_per_second = 10 << 20 },
		  "fetching: 30.0 MiB of 40.0 MiB, 10.0 MiB/s, 1 s left" },
		{ { .now = { .phase = "unpacking",
			     .paths_total = 2,
			     .bytes_total = 400 << 20,
			     .bytes_done = 100 << 20 } },
		  "unpacking: 0 of 2 paths, 100.0 MiB of 400.0 MiB" },
		{ { .now = { .phase = "checking", .paths_done = 7, .bytes_done = 1024 } },
		  "checking: 7 paths, 1.00 KiB" },
		{ { .now = { .phase = "checking", .paths_done = 1 } },
		  "checking: 1 path" },
		{ { .now = { .phase = "checking", .paths_done = 1, .paths_total = 2 } },
		  "checking: 1 of 2 paths" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF struct buf out = { 0 };

		buf_init(&out, 512);
		progress_view_line(&out, &rows[i].sample);
		assert_string_equal(out.ptr, rows[i].want);
	}
}

static void items_are_named_without_their_hash(void **state)
{
	static const struct {
		struct nf_progress_item item;
		const char *want;
	} rows[] = {
		{ { "0c0chgh2ckigyv5crknwvlx2zmyh2dc2-glibc-2.36", "unpack" },
		  "  unpack   glibc-2.36" },
		{ { "glibc-2.36", "fetch" }, "  fetch    glibc-2.36" },
		{ { "a\033[2Jb", "fetch" }, "  fetch    a?[2Jb" },
		{ { "e", NULL }, "           e" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF struct buf out = { 0 };

		buf_init(&out, 512);
		progress_view_item(&out, &rows[i].item);
		assert_string_equal(out.ptr, rows[i].want);
	}
}

/* Runs FN with stderr in a file and returns what was written to it. */
static size_t capture(char *out, size_t size, void (*fn)(void))
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	size_t len;

	assert_non_null(file);
	assert_true(saved >= 0);
	dup2(fileno(file), STDERR_FILENO);
	fn();
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	len = fread(out, 1, size - 1, file);
	out[len] = '\0';
	fclose(file);
	return len;
}

static void say_all(const struct ui_options *opts)
{
	AUTO(ui_freep) struct ui *ui = ui_new(opts);
	struct nf_err err;

	err_set(&err, NF_E_TRUST, "key '\033[1m' is unknown");
	ui_note(ui, "a note");
	ui_detail(ui, "a detail");
	ui_warn(ui, "a %s", "warning");
	ui_error(ui, &err);
}

static void say_plain(void)
{
	say_all(&(struct ui_options){ .program = "nixferry", .command = "list" });
}

static void say_quiet(void)
{
	say_all(&(struct ui_options){ .program = "nixferry", .quiet = true });
}

static void say_verbose_in_color(void)
{
	say_all(&(struct ui_options){
		.program = "nixferry", .verbose = true, .color = UI_COLOR_ALWAYS });
}

static void say_json(void)
{
	say_all(&(struct ui_options){
		.program = "nixferry", .command = "list", .json = true });
}

static void messages_name_program_and_command(void **state)
{
	static const struct {
		void (*say)(void);
		const char *want;
	} rows[] = {
		{ say_plain, "nixferry: list: a note\n"
			     "nixferry: list: warning: a warning\n"
			     "nixferry: list: key '?[1m' is unknown\n" },
		{ say_quiet, "nixferry: warning: a warning\n"
			     "nixferry: key '?[1m' is unknown\n" },
		{ say_verbose_in_color,
		  "nixferry: a note\n"
		  "nixferry: a detail\n"
		  "\033[1;33mnixferry: warning: \033[0ma warning\n"
		  "\033[1;31mnixferry: \033[0mkey '?[1m' is unknown\n" },
		{ say_json,
		  "{\"event\":\"message\",\"level\":\"note\",\"command\":\"list\",\"text\":\"a "
		  "note\"}\n"
		  "{\"event\":\"message\",\"level\":\"warning\",\"command\":\"list\",\"text\":\"a "
		  "warning\"}\n"
		  "{\"event\":\"message\",\"level\":\"error\",\"command\":\"list\",\"text\":\"key "
		  "'\\u001B[1m' is unknown\",\"class\":\"not trusted\",\"exit\":4}\n" },
	};
	char out[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		capture(out, sizeof(out), rows[i].say);
		assert_string_equal(out, rows[i].want);
	}
}

static void work_a_little(const struct ui_options *opts, long ms)
{
	AUTO(ui_freep) struct ui *ui = ui_new(opts);
	struct progress *p = ui_progress_start(ui);
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };
	int item;

	progress_phase(p, "fetching");
	progress_set(p, PROGRESS_PATHS_TOTAL, 2);
	item = progress_begin(p, "fetch", "glibc");
	progress_note(p, "left a source");
	nanosleep(&ts, NULL);
	progress_end(p, item);
	progress_add(p, PROGRESS_PATHS_DONE, 2);
	ui_progress_stop(ui);
	ui_progress_stop(ui);
}

static void work_fast(void)
{
	work_a_little(&(struct ui_options){ .program = "nixferry" }, 20);
}

static void work_slowly(void)
{
	work_a_little(&(struct ui_options){ .program = "nixferry" }, 1400);
}

static void work_slowly_without_progress(void)
{
	work_a_little(&(struct ui_options){ .program = "nixferry", .no_progress = true },
		      1400);
}

static void work_slowly_in_json(void)
{
	work_a_little(&(struct ui_options){ .program = "nixferry", .json = true }, 1400);
}

static void progress_is_a_plain_line_now_and_then(void **state)
{
	static const struct {
		void (*work)(void);
		const char *want;
	} rows[] = {
		{ work_fast, "nixferry: left a source\n" },
		{ work_slowly, "nixferry: left a source\n"
			       "nixferry: fetching: 0 of 2 paths\n" },
		{ work_slowly_without_progress, "nixferry: left a source\n" },
		{ work_slowly_in_json,
		  "{\"event\":\"message\",\"level\":\"note\",\"text\":\"left a source\"}\n"
		  "{\"event\":\"progress\",\"phase\":\"fetching\",\"pathsDone\":0,\"pathsTotal\":2,\"bytesDone\":0,\"bytesTotal\":0,\"narBytesDone\":0,\"narBytesTotal\":0,\"resolved\":0,\"resolving\":0,\"bytesPerSecond\":0}\n" },
	};
	char out[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		capture(out, sizeof(out), rows[i].work);
		assert_string_equal(out, rows[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_short),
		cmocka_unit_test(durations_are_short),
		cmocka_unit_test(latencies_have_two_digits_or_so),
		cmocka_unit_test(hostile_text_cannot_steer_the_terminal),
		cmocka_unit_test(shell_words_are_quoted_where_needed),
		cmocka_unit_test(json_nests_and_escapes),
		cmocka_unit_test(speed_is_smoothed),
		cmocka_unit_test(the_line_says_what_is_known),
		cmocka_unit_test(items_are_named_without_their_hash),
		cmocka_unit_test(messages_name_program_and_command),
		cmocka_unit_test(progress_is_a_plain_line_now_and_then),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
