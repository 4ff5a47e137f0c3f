#include "cmd/ui.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "base/interrupt.h"
#include "base/mem.h"
#include "base/shorten.h"
#include "base/slice.h"
#include "base/watch.h"
#include "cmd/human.h"
#include "cmd/json.h"
#include "cmd/progress_view.h"

#define PLAIN_FIRST    1.0
#define PLAIN_INTERVAL 5.0
#define JSON_INTERVAL  1.0
#define ITEMS_SHOWN    3
#define WIDTH_DEFAULT  80
#define MESSAGE_MAX    4096
#define SCREEN_MAX     65536

enum level {
	LEVEL_ERROR,
	LEVEL_WARNING,
	LEVEL_NOTE
};

struct ui {
	struct ui_options opts;
	bool terminal; /* the display may move the cursor */
	bool color;
	struct nf_watch watch;
	struct watcher *watcher; /* for work that does not start a progress of its own */

	/* Guards stderr and everything below. */
	pthread_mutex_t lock;
	struct rate rate, work_rate;
	double started;
	double last_line;
	size_t drawn; /* lines on the screen that belong to the display */
	bool told_stopping;
};

static double now_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* If stderr fails, there is no way to report that. */
static void write_stderr(const struct buf *b)
{
	size_t at = 0;

	while (at < b->len) {
		ssize_t n = write(STDERR_FILENO, b->ptr + at, b->len - at);

		if (n < 0 && errno != EINTR)
			return;
		at += n > 0 ? (size_t)n : 0;
	}
}

struct ui *ui_new(const struct ui_options *opts)
{
	struct ui *ui = mem_calloc(1, sizeof(*ui));
	const char *term = getenv("TERM");
	const char *no_color = getenv("NO_COLOR");

	ui->opts = *opts;
	ui->terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
	ui->color = opts->color == UI_COLOR_ALWAYS ||
		    (opts->color == UI_COLOR_AUTO && ui->terminal &&
		     !(no_color && *no_color));
	pthread_mutex_init(&ui->lock, NULL);
	return ui;
}

void ui_free(struct ui *ui)
{
	if (!ui)
		return;
	ui_progress_stop(ui);
	watcher_free(ui->watcher);
	pthread_mutex_destroy(&ui->lock);
	free(ui);
}

bool ui_is_verbose(const struct ui *ui)
{
	return ui->opts.verbose;
}

/* ---- messages ---- */

/* Appends what clears the display from the screen. */
static void add_erase(struct ui *ui, struct buf *out)
{
	if (ui->drawn == 0)
		return;
	buf_add_char(out, '\r');
	if (ui->drawn > 1)
		buf_addf(out, "\033[%zuA", ui->drawn - 1);
	buf_add_str(out, "\033[J");
	ui->drawn = 0;
}

static void add_text_message(const struct ui *ui, struct buf *out, enum level level,
			     const char *text)
{
	const char *color = level == LEVEL_ERROR ? "\033[1;31m" : "\033[1;33m";
	bool colored = ui->color && level != LEVEL_NOTE;

	if (colored)
		buf_add_str(out, color);
	buf_addf(out, "%s: ", ui->opts.program);
	if (ui->opts.command)
		buf_addf(out, "%s: ", ui->opts.command);
	if (level == LEVEL_WARNING)
		buf_add_str(out, "warning: ");
	if (colored)
		buf_add_str(out, "\033[0m");
	human_clean(out, nf_slice_str(text));
	buf_add_char(out, '\n');
}

static void add_json_message(const struct ui *ui, struct buf *out, enum level level,
			     const char *text, const struct nf_err *err)
{
	static const char *const names[] = { "error", "warning", "note" };
	AUTO(json_doc_freep) struct json_doc *doc = json_doc_new();
	AUTO_FREE char *line = NULL;

	json_add_str(doc, "event", "message");
	json_add_str(doc, "level", names[level]);
	if (ui->opts.command)
		json_add_str(doc, "command", ui->opts.command);
	json_add_str(doc, "text", text);
	if (err) {
		json_add_str(doc, "class", nf_error_name(err->code));
		json_add_number(doc, "exit", (uint64_t)nf_exit_status(err->code));
	}
	line = json_line(doc);
	buf_add_str(out, line);
	buf_add_char(out, '\n');
}

/* The caller holds the lock. */
static void message_locked(struct ui *ui, enum level level, const char *text,
			   const struct nf_err *err)
{
	AUTO_BUF struct buf out = { 0 };

	buf_init(&out, SCREEN_MAX);
	add_erase(ui, &out);
	if (ui->opts.json)
		add_json_message(ui, &out, level, text, err);
	else
		add_text_message(ui, &out, level, text);
	write_stderr(&out);
}

static void message(struct ui *ui, enum level level, const char *text,
		    const struct nf_err *err)
{
	pthread_mutex_lock(&ui->lock);
	message_locked(ui, level, text, err);
	pthread_mutex_unlock(&ui->lock);
}

__attribute__((format(printf, 3, 0))) static void message_v(struct ui *ui,
							    enum level level,
							    const char *fmt, va_list ap)
{
	char text[MESSAGE_MAX];

	shorten_format(text, sizeof(text), fmt, ap);
	message(ui, level, text, NULL);
}

void ui_error(struct ui *ui, const struct nf_err *err)
{
	message(ui, LEVEL_ERROR, err->text, err);
}

void ui_warn(struct ui *ui, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message_v(ui, LEVEL_WARNING, fmt, ap);
	va_end(ap);
}

void ui_note(struct ui *ui, const char *fmt, ...)
{
	va_list ap;

	if (ui->opts.quiet)
		return;
	va_start(ap, fmt);
	message_v(ui, LEVEL_NOTE, fmt, ap);
	va_end(ap);
}

void ui_note_lines(struct ui *ui, struct nf_slice lines)
{
	while (lines.len) {
		struct nf_slice line = slice_cut(&lines, '\n');

		ui_note(ui, "%.*s", NF_SLICE_ARG(line));
	}
}

void ui_detail(struct ui *ui, const char *fmt, ...)
{
	va_list ap;

	if (!ui->opts.verbose)
		return;
	va_start(ap, fmt);
	message_v(ui, LEVEL_NOTE, fmt, ap);
	va_end(ap);
}

/* ---- the progress display ---- */

static size_t terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20)
		return WIDTH_DEFAULT;
	return size.ws_col;
}

/* Appends a line cut to WIDTH columns, so that it takes one row. Text of more than one
 * byte per character is cut too early, which is harmless. */
static void add_row(struct ui *ui, struct buf *out, struct nf_slice line, size_t width)
{
	if (ui->drawn++)
		buf_add_char(out, '\n');
	if (line.len > width - 1)
		line.len = width - 1;
	human_clean(out, line);
}

static void draw_terminal(struct ui *ui, const struct progress_sample *s)
{
	size_t width = terminal_width();
	AUTO_BUF struct buf out = { 0 }, line = { 0 };

	buf_init(&out, SCREEN_MAX);
	buf_init(&line, MESSAGE_MAX);
	add_erase(ui, &out);
	progress_view_line(&line, s);
	add_row(ui, &out, buf_slice(&line), width);
	for (size_t i = 0; i < s->now.item_count && i < ITEMS_SHOWN; i++) {
		buf_clear(&line);
		progress_view_item(&line, &s->now.items[i]);
		if (i + 1 == ITEMS_SHOWN && s->now.item_count > ITEMS_SHOWN)
			buf_addf(&line, " and %zu more", s->now.item_count - ITEMS_SHOWN);
		add_row(ui, &out, buf_slice(&line), width);
	}
	write_stderr(&out);
}

static void print_json(const struct progress_sample *s)
{
	const struct nf_progress *now = &s->now;
	AUTO(json_doc_freep) struct json_doc *doc = json_doc_new();
	AUTO_FREE char *text = NULL;
	AUTO_BUF struct buf out = { 0 };

	json_add_str(doc, "event", "progress");
	json_add_str(doc, "phase", now->phase ? now->phase : "starting");
	json_add_number(doc, "pathsDone", now->paths_done);
	json_add_number(doc, "pathsTotal", now->paths_total);
	json_add_number(doc, "bytesDone", now->bytes_done);
	json_add_number(doc, "bytesTotal", now->bytes_total);
	json_add_number(doc, "narBytesDone", now->nar_bytes_done);
	json_add_number(doc, "narBytesTotal", now->nar_bytes_total);
	json_add_number(doc, "resolved", now->resolved);
	json_add_number(doc, "resolving", now->resolving);
	json_add_number(doc, "bytesPerSecond", (uint64_t)s->bytes_per_second);
	text = json_line(doc);
	buf_init(&out, SCREEN_MAX);
	buf_add_str(&out, text);
	buf_add_char(&out, '\n');
	write_stderr(&out);
}

static void print_plain(struct ui *ui, const struct progress_sample *s)
{
	AUTO_BUF struct buf line = { 0 };

	buf_init(&line, MESSAGE_MAX);
	progress_view_line(&line, s);
	message_locked(ui, LEVEL_NOTE, buf_slice(&line).ptr, NULL);
}

/* Work in progress takes a moment to stop; without a message that looks like a hang. */
static void tell_stopping(struct ui *ui)
{
	if (!interrupt_pending() || ui->told_stopping || ui->opts.quiet)
		return;
	ui->told_stopping = true;
	message_locked(ui, LEVEL_NOTE, "stopping; press Ctrl-C again to stop at once",
		       NULL);
}

static bool is_due(struct ui *ui, double now)
{
	double interval = ui->opts.json ? JSON_INTERVAL : PLAIN_INTERVAL;

	if (now - ui->started < PLAIN_FIRST)
		return false;
	if (ui->last_line > 0 && now - ui->last_line < interval)
		return false;
	ui->last_line = now;
	return true;
}

/* The caller holds the lock. */
static void show(struct ui *ui, const struct nf_progress *progress)
{
	struct progress_sample s = { .now = *progress };
	double now = now_seconds();

	tell_stopping(ui);
	if (ui->opts.quiet || ui->opts.no_progress || !s.now.phase)
		return;
	rate_update(&ui->rate, s.now.bytes_done, now);
	s.bytes_per_second = ui->rate.per_second;
	rate_update(&ui->work_rate, s.now.nar_bytes_done, now);
	s.nar_bytes_per_second = ui->work_rate.per_second;
	if (ui->terminal && !ui->opts.json)
		draw_terminal(ui, &s);
	else if (is_due(ui, now))
		ui->opts.json ? print_json(&s) : print_plain(ui, &s);
}

static void on_progress(void *ctx, const struct nf_progress *now)
{
	struct ui *ui = ctx;

	pthread_mutex_lock(&ui->lock);
	show(ui, now);
	pthread_mutex_unlock(&ui->lock);
}

static void on_note(void *ctx, const char *text)
{
	struct ui *ui = ctx;

	if (!ui->opts.quiet)
		message(ui, LEVEL_NOTE, text, NULL);
}

const struct nf_watch *ui_watch(struct ui *ui)
{
	ui->watch = (struct nf_watch){
		.ctx = ui,
		.progress = on_progress,
		.note = on_note,
	};
	ui->started = now_seconds();
	return &ui->watch;
}

struct progress *ui_progress_start(struct ui *ui)
{
	ui->watcher = watcher_start(ui_watch(ui));
	return watcher_progress(ui->watcher);
}

void ui_progress_stop(struct ui *ui)
{
	AUTO_BUF struct buf out = { 0 };

	if (ui->watcher)
		watcher_stop(ui->watcher);
	buf_init(&out, SCREEN_MAX);
	pthread_mutex_lock(&ui->lock);
	add_erase(ui, &out);
	write_stderr(&out);
	pthread_mutex_unlock(&ui->lock);
}
