#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "cmd/ui.h"

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

static void color_follows_the_environment(void **state)
{
	static const struct {
		const char *forced, *no_color;
		bool is_colored;
	} rows[] = {
		{ NULL, NULL, false }, { "1", NULL, true }, { "0", NULL, false },
		{ "", NULL, false },   { "1", "1", false }, { "1", "", true },
	};
	char out[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		setenv("CLICOLOR_FORCE", rows[i].forced ? rows[i].forced : "", 1);
		setenv("NO_COLOR", rows[i].no_color ? rows[i].no_color : "", 1);
		capture(out, sizeof(out), say_plain);
		assert_int_equal(strstr(out, "\033[1;31m") != NULL, rows[i].is_colored);
	}
	unsetenv("CLICOLOR_FORCE");
	unsetenv("NO_COLOR");
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
		  "{\"event\":\"progress\",\"phase\":\"fetching\",\"pathsDone\":0,\"pathsTotal\":2,\"bytesDone\":0,\"bytesTotal\":0,\"narBytesDone\":0,\"narBytesTotal\":0,\"resolved\":0,\"resolving\":0,\"bytesPerSecond\":0,\"caches\":[]}\n" },
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
		cmocka_unit_test(messages_name_program_and_command),
		cmocka_unit_test(color_follows_the_environment),
		cmocka_unit_test(progress_is_a_plain_line_now_and_then),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
