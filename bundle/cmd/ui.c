#include "cmd/ui.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "base/mem.h"
#include "base/shorten.h"
#include "base/slice.h"
#include "base/watch.h"
#include "cmd/display.h"
#include "cmd/human.h"
#include "cmd/json.h"
#include "cmd/progress_view.h"

/* Seconds before the first line, and between lines, which become rarer. */
#define PLAIN_FIRST	    1.0
#define PLAIN_INTERVAL	    5.0
#define PLAIN_LONG_AFTER    60.0
#define PLAIN_LONG_INTERVAL 30.0
#define JSON_INTERVAL	    1.0
#define MESSAGE_MAX	    4096
#define TIME_TOLD_MIN	    1.0

enum level {
	LEVEL_ERROR,
	LEVEL_WARNING,
	LEVEL_NOTE
};

struct ui {
	struct ui_options opts;
	bool color;
	struct display *display; /* NULL: plain lines, or JSON */
	struct nf_watch watch;
	struct watcher *watcher; /* for work that does not start a progress of its own */

	/* Guards stderr and everything below. */
	pthread_mutex_t lock;
	struct progress_sample sample;
	struct rate rate, work_rate, cache_rates[NF_PROGRESS_CACHES];
	double began;	/* when the command did */
	double started; /* when the work did; 0: it has not */
	double last_line;
	bool told_time;
	bool told_stopping;
};

static double now_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static bool is_set(const char *name)
{
	const char *value = getenv(name);

	return value && *value;
}

static bool wants_color(enum ui_color choice)
{
	const char *term = getenv("TERM"), *forced = getenv("CLICOLOR_FORCE");

	if (choice != UI_COLOR_AUTO)
		return choice == UI_COLOR_ALWAYS;
	if (is_set("NO_COLOR"))
		return false;
	if (forced && *forced && strcmp(forced, "0") != 0)
		return true;
	return isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

struct ui *ui_new(const struct ui_options *opts)
{
	struct ui *ui = mem_calloc(1, sizeof(*ui));

	ui->opts = *opts;
	ui->began = now_seconds();
	ui->color = wants_color(opts->color);
	if (!opts->json)
		ui->display = display_new(ui->color);
	pthread_mutex_init(&ui->lock, NULL);
	return ui;
}

void ui_free(struct ui *ui)
{
	if (!ui)
		return;
	ui_progress_stop(ui);
	watcher_free(ui->watcher);
	display_free(ui->display);
	pthread_mutex_destroy(&ui->lock);
	free(ui);
}

bool ui_is_verbose(const struct ui *ui)
{
	return ui->opts.verbose;
}

/* ---- messages ---- */

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

	buf_init(&out, DISPLAY_TEXT_MAX);
	display_add_erase(ui->display, &out);
	if (ui->opts.json)
		add_json_message(ui, &out, level, text, err);
	else
		add_text_message(ui, &out, level, text);
	display_add_again(ui->display, &out);
	display_write(&out);
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

double ui_elapsed(const struct ui *ui)
{
	return now_seconds() - ui->began;
}

void ui_time_is_told(struct ui *ui)
{
	ui->told_time = true;
}

void ui_tell_time(struct ui *ui)
{
	double seconds = ui_elapsed(ui);
	char text[HUMAN_MAX];

	if (ui->started > 0 && !ui->told_time && seconds >= TIME_TOLD_MIN)
		ui_note(ui, "took %s", human_duration(text, (uint64_t)(seconds + 0.5)));
	ui->told_time = true;
}

bool ui_is_interactive(const struct ui *ui)
{
	return ui->display != NULL;
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

static void add_json_caches(struct json_doc *doc, const struct progress_sample *s)
{
	static const char *const states[] = {
		[NF_CACHE_NEW] = "new",
		[NF_CACHE_USED] = "used",
		[NF_CACHE_RETRIED] = "retried",
		[NF_CACHE_GONE] = "gone",
	};

	json_begin_array(doc, "caches");
	for (size_t i = 0; i < s->now.cache_count; i++) {
		const struct nf_progress_cache *c = &s->now.caches[i];

		json_begin_object(doc, NULL);
		json_add_str(doc, "url", c->url);
		json_add_str(doc, "state", states[c->state]);
		json_add_number(doc, "bytes", c->bytes);
		json_add_number(doc, "bytesPerSecond", (uint64_t)s->cache_speeds[i]);
		json_add_number(doc, "requests", c->requests);
		json_add_number(doc, "idleMilliseconds", c->idle_ms);
		json_end(doc);
	}
	json_end(doc);
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
	add_json_caches(doc, s);
	text = json_line(doc);
	buf_init(&out, DISPLAY_TEXT_MAX);
	buf_add_str(&out, text);
	buf_add_char(&out, '\n');
	display_write(&out);
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
	double interval = PLAIN_INTERVAL;

	if (ui->opts.json)
		interval = JSON_INTERVAL;
	else if (now - ui->started > PLAIN_LONG_AFTER)
		interval = PLAIN_LONG_INTERVAL;
	if (now - ui->started < PLAIN_FIRST)
		return false;
	if (ui->last_line > 0 && now - ui->last_line < interval)
		return false;
	ui->last_line = now;
	return true;
}

static void measure(struct ui *ui, double now)
{
	struct progress_sample *s = &ui->sample;

	rate_update(&ui->rate, s->now.bytes_done, now);
	s->bytes_per_second = ui->rate.per_second;
	rate_update(&ui->work_rate, s->now.nar_bytes_done, now);
	s->nar_bytes_per_second = ui->work_rate.per_second;
	for (size_t i = 0; i < s->now.cache_count; i++) {
		rate_update(&ui->cache_rates[i], s->now.caches[i].bytes, now);
		s->cache_speeds[i] = ui->cache_rates[i].per_second;
	}
}

/* The caller holds the lock. */
static void show(struct ui *ui, const struct nf_progress *progress)
{
	double now = now_seconds();

	tell_stopping(ui);
	if (ui->opts.quiet || ui->opts.no_progress || !progress->phase)
		return;
	ui->sample.now = *progress;
	measure(ui, now);
	if (ui->display && display_is_due(ui->display, now))
		display_show(ui->display, &ui->sample, now);
	else if (!ui->display && is_due(ui, now))
		ui->opts.json ? print_json(&ui->sample) : print_plain(ui, &ui->sample);
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
	if (ui->watcher)
		watcher_stop(ui->watcher);
	pthread_mutex_lock(&ui->lock);
	display_end(ui->display);
	pthread_mutex_unlock(&ui->lock);
}
