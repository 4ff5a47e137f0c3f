#include "cmd/display.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/slice.h"
#include "cmd/progress_frame.h"
#include "cmd/terminal.h"

/* Seconds between frames. */
#define FRAME_INTERVAL 0.2

struct display {
	struct screen screen;
	struct buf frame; /* what is, or was, drawn */
	bool is_drawn;
	bool is_others; /* another process draws on this terminal */
	double last;
};

void display_write(const struct buf *text)
{
	size_t at = 0;

	while (at < text->len) {
		ssize_t n = write(STDERR_FILENO, text->ptr + at, text->len - at);

		if (n < 0 && errno != EINTR)
			return;
		at += n > 0 ? (size_t)n : 0;
	}
}

struct display *display_new(bool color)
{
	struct display *d;

	if (!terminal_can_draw())
		return NULL;
	d = mem_calloc(1, sizeof(*d));
	d->screen.color = color;
	buf_init(&d->frame, DISPLAY_TEXT_MAX);
	return d;
}

void display_free(struct display *d)
{
	if (!d)
		return;
	display_end(d);
	buf_release(&d->frame);
	free(d);
}

bool display_is_due(const struct display *d, double now)
{
	return now - d->last >= FRAME_INTERVAL || terminal_wants_stop();
}

/* The rows, each cleared to its end, and the cursor back at their beginning. */
static void add_frame(struct buf *out, struct nf_slice rows)
{
	size_t count = 0;

	buf_add_str(out, "\r\033[?25l");
	while (rows.len) {
		if (count++)
			buf_add_str(out, "\033[K\n");
		buf_add_slice(out, slice_cut(&rows, '\n'));
	}
	buf_add_str(out, "\033[J");
	if (count > 1)
		buf_addf(out, "\033[%zuA", count - 1);
	buf_add_char(out, '\r');
}

/* If another process draws, its cursor is at the beginning of its first row, too. */
void display_add_erase(struct display *d, struct buf *out)
{
	if (d && (d->is_drawn || d->is_others))
		buf_add_str(out, TERMINAL_ERASE);
}

void display_add_again(struct display *d, struct buf *out)
{
	if (d && d->is_drawn)
		add_frame(out, buf_slice(&d->frame));
}

static void stop_process(struct display *d)
{
	AUTO_BUF struct buf out = { 0 };

	buf_init(&out, DISPLAY_TEXT_MAX);
	display_add_erase(d, &out);
	display_write(&out);
	d->is_drawn = false;
	terminal_stop();
}

/* In the background, the terminal belongs to the shell, and so does what is on it. */
static bool may_draw(struct display *d)
{
	bool is_ours = terminal_is_ours();

	d->is_others = is_ours && !terminal_begin();
	d->is_drawn = d->is_drawn && is_ours;
	return is_ours && !d->is_others;
}

static void draw(struct display *d, const struct progress_sample *s)
{
	AUTO_BUF struct buf rows = { 0 }, out = { 0 };
	size_t width = d->screen.width;

	buf_init(&rows, DISPLAY_TEXT_MAX);
	buf_init(&out, DISPLAY_TEXT_MAX);
	terminal_look(&d->screen);
	/* A narrower terminal has broken the rows, and would join their parts again. */
	if (width != d->screen.width)
		display_add_erase(d, &out);
	progress_frame(&rows, s, &d->screen);
	if (d->is_drawn && rows.len == d->frame.len &&
	    !memcmp(rows.ptr, d->frame.ptr, rows.len))
		return;
	buf_clear(&d->frame);
	buf_add_slice(&d->frame, buf_slice(&rows));
	add_frame(&out, buf_slice(&rows));
	d->is_drawn = true;
	display_write(&out);
}

void display_show(struct display *d, const struct progress_sample *s, double now)
{
	if (terminal_wants_stop())
		stop_process(d);
	d->last = now;
	if (may_draw(d))
		draw(d, s);
}

void display_end(struct display *d)
{
	AUTO_BUF struct buf out = { 0 };

	if (!d)
		return;
	buf_init(&out, DISPLAY_TEXT_MAX);
	if (d->is_drawn)
		buf_add_str(&out, TERMINAL_ERASE);
	d->is_drawn = false;
	d->is_others = false;
	display_write(&out);
	terminal_end();
}
