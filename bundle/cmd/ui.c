#include "cmd/ui.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "base/interrupt.h"
#include "base/mem.h"
#include "base/shorten.h"
#include "base/slice.h"
#include "cmd/human.h"
#include "cmd/json.h"
#include "cmd/progress_view.h"

#define TICK_NS	       125000000L
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

	/* Guards stderr and all that follows. */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	bool running;
	bool stop;
	struct progress *progress;
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

/* Nothing can be done where stderr fails. */
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
	pthread_condattr_t attr;

	ui->opts = *opts;
	ui->terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
	ui->color = opts->color == UI_COLOR_ALWAYS ||
		    (opts->color == UI_COLOR_AUTO && ui->terminal &&
		     !(no_color && *no_color));
	pthread_mutex_init(&ui->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&ui->wake, &attr);
	pthread_condattr_destroy(&attr);
	return ui;
}

void ui_free(struct ui *ui)
{
	if (!ui)
		return;
	ui_progress_stop(ui);
	progress_free(ui->progress);
	pthread_cond_destroy(&ui->wake);
	pthread_mutex_destroy(&ui->lock);
	free(ui);
}

bool ui_is_quiet(const struct ui *ui)
{
	return ui->opts.quiet;
}

bool ui_is_verbose(const struct ui *ui)
{
	return ui->opts.verbose;
}

/* ---- messages ---- */

/* Appends what removes the display from the screen. */
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

/* With the lock held. */
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
 * byte a character is cut early, which does no harm. */
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
	for (size_t i = 0; i < s->item_count && i < ITEMS_SHOWN; i++) {
		buf_clear(&line);
		progress_view_item(&line, &s->items[i]);
		if (i + 1 == ITEMS_SHOWN && s->item_count > ITEMS_SHOWN)
			buf_addf(&line, " and %zu more", s->item_count - ITEMS_SHOWN);
		add_row(ui, &out, buf_slice(&line), width);
	}
	write_stderr(&out);
}

static void print_json(const struct progress_sample *s)
{
	static const struct {
		enum progress_count count;
		const char *key;
	} keys[] = {
		{ PROGRESS_PATHS_DONE, "pathsDone" },
		{ PROGRESS_PATHS_TOTAL, "pathsTotal" },
		{ PROGRESS_BYTES_DONE, "bytesDone" },
		{ PROGRESS_BYTES_TOTAL, "bytesTotal" },
		{ PROGRESS_WORK_DONE, "narBytesDone" },
		{ PROGRESS_WORK_TOTAL, "narBytesTotal" },
		{ PROGRESS_RESOLVED, "resolved" },
		{ PROGRESS_RESOLVING, "resolving" },
	};
	AUTO(json_doc_freep) struct json_doc *doc = json_doc_new();
	AUTO_FREE char *text = NULL;
	AUTO_BUF struct buf out = { 0 };

	json_add_str(doc, "event", "progress");
	json_add_str(doc, "phase", s->phase ? s->phase : "starting");
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		json_add_number(doc, keys[i].key, s->counts[keys[i].count]);
	json_add_number(doc, "bytesPerSecond", (uint64_t)s->per_second);
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

static void print_notes(struct ui *ui)
{
	char *note;

	while ((note = progress_take_note(ui->progress))) {
		if (!ui->opts.quiet)
			message_locked(ui, LEVEL_NOTE, note, NULL);
		free(note);
	}
}

/* What is under way takes a moment to end, which must not look like a hang. */
static void tell_stopping(struct ui *ui)
{
	if (!interrupt_pending() || ui->told_stopping || ui->opts.quiet)
		return;
	ui->told_stopping = true;
	message_locked(ui, LEVEL_NOTE, "stopping; a second Ctrl-C ends it at once", NULL);
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

static void tick(struct ui *ui)
{
	struct progress_sample s;
	double now = now_seconds();

	print_notes(ui);
	tell_stopping(ui);
	if (ui->opts.quiet || ui->opts.no_progress)
		return;
	progress_sample_take(&s, ui->progress);
	if (!s.phase)
		return;
	rate_update(&ui->rate, s.counts[PROGRESS_BYTES_DONE], now);
	s.per_second = ui->rate.per_second;
	rate_update(&ui->work_rate, s.counts[PROGRESS_WORK_DONE], now);
	s.work_per_second = ui->work_rate.per_second;
	if (ui->terminal && !ui->opts.json)
		draw_terminal(ui, &s);
	else if (is_due(ui, now))
		ui->opts.json ? print_json(&s) : print_plain(ui, &s);
}

static void *display_thread(void *arg)
{
	struct ui *ui = arg;
	struct timespec until;

	pthread_mutex_lock(&ui->lock);
	while (!ui->stop) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += TICK_NS;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_nsec -= 1000000000L;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&ui->wake, &ui->lock, &until);
		if (!ui->stop)
			tick(ui);
	}
	pthread_mutex_unlock(&ui->lock);
	return NULL;
}

struct progress *ui_progress_start(struct ui *ui)
{
	sigset_t all, before;

	ui->progress = progress_new();
	ui->started = now_seconds();
	/* Signals are for the main thread. Without the thread there is no display, which
	 * is no reason to fail. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ui->running = pthread_create(&ui->thread, NULL, display_thread, ui) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ui->progress;
}

/* What is left to show once the thread has ended. */
static void end_display(struct ui *ui)
{
	AUTO_BUF struct buf out = { 0 };

	buf_init(&out, SCREEN_MAX);
	add_erase(ui, &out);
	write_stderr(&out);
	print_notes(ui);
}

void ui_progress_stop(struct ui *ui)
{
	if (!ui->progress)
		return;
	pthread_mutex_lock(&ui->lock);
	ui->stop = true;
	pthread_cond_signal(&ui->wake);
	pthread_mutex_unlock(&ui->lock);
	if (ui->running)
		pthread_join(ui->thread, NULL);
	ui->running = false;
	end_display(ui);
}
