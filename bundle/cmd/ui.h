/* Messages and the progress display, on stderr. All text is made safe for a terminal:
 * control characters, broken UTF-8 and direction overrides become '?'. */
#ifndef UI_H
#define UI_H

#include <nixferry/slice.h>
#include <nixferry/watch.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/progress.h"

struct ui;

enum ui_color {
	UI_COLOR_AUTO, /* if stderr is a terminal and NO_COLOR is not set */
	UI_COLOR_ALWAYS,
	UI_COLOR_NEVER
};

struct ui_options {
	const char *program;
	const char *command; /* may be NULL */
	bool quiet;	     /* warnings and errors only */
	bool verbose;
	bool no_progress;
	bool json; /* one JSON object per line */
	enum ui_color color;
};

struct ui *ui_new(const struct ui_options *opts);
/* Also ends a running progress display. */
void ui_free(struct ui *ui);
DEFINE_CLEANUP(struct ui *, ui_free)

/* "nixferry: import: TEXT" */
void ui_error(struct ui *ui, const struct nf_err *err);
/* "nixferry: import: warning: TEXT" */
void ui_warn(struct ui *ui, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Not shown with --quiet. */
void ui_note(struct ui *ui, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* One note per line. */
void ui_note_lines(struct ui *ui, struct nf_slice lines);
/* Shown with --verbose only. */
void ui_detail(struct ui *ui, const char *fmt, ...) PRINTF_LIKE(2, 3);

bool ui_is_verbose(const struct ui *ui);

/* Seconds since the ui was made: since the command began. */
double ui_elapsed(const struct ui *ui);
/* Notes how long the command took if that was a second or more and it showed progress,
 * unless ui_tell_time was called before. */
void ui_tell_time(struct ui *ui);
/* The caller has told, or will tell, how long it took. */
void ui_time_is_told(struct ui *ui);
/* True if messages are for a person at a terminal, who may type a further command. */
bool ui_is_interactive(const struct ui *ui);

/* Shows what a call reports: live lines on a terminal, otherwise a plain line now and
 * then; notes are printed as they arrive. Stop it before printing a result; stopping it
 * twice is allowed. Once per ui. */
const struct nf_watch *ui_watch(struct ui *ui);
/* The same for work that reports to the returned progress (owned by the ui, valid until
 * ui_free). */
struct progress *ui_progress_start(struct ui *ui);
void ui_progress_stop(struct ui *ui);

#endif
