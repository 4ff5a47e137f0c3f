#include "cmd/screen_row.h"

#define CUT_MARK      "..."
#define CUT_WIDTH_MIN 12

static const char *const style_codes[] = {
	[SCREEN_PLAIN] = "",	    [SCREEN_BOLD] = "\033[1m",
	[SCREEN_DIM] = "\033[2m",   [SCREEN_GOOD] = "\033[32m",
	[SCREEN_WARN] = "\033[33m", [SCREEN_BAD] = "\033[1;31m",
};

void screen_row_begin(struct screen_row *r, struct buf *out, const struct screen *screen)
{
	*r = (struct screen_row){ out, screen, screen->width ? screen->width - 1 : 0, 0 };
}

/* At the end of a row, they are not written. */
static void put_spaces(struct screen_row *r, size_t count)
{
	r->pad += count;
	r->left -= count;
}

static void flush_spaces(struct screen_row *r)
{
	for (; r->pad; r->pad--)
		buf_add_char(r->out, ' ');
}

static void begin_style(struct screen_row *r, enum screen_style style)
{
	if (r->screen->color)
		buf_add_str(r->out, style_codes[style]);
}

static void end_style(struct screen_row *r, enum screen_style style)
{
	if (r->screen->color && style != SCREEN_PLAIN)
		buf_add_str(r->out, "\033[0m");
}

/* There are enough columns. */
static void put(struct screen_row *r, struct nf_slice text)
{
	for (size_t i = 0; i < text.len; i++)
		buf_add_char(r->out, text.ptr[i] >= ' ' && text.ptr[i] <= '~'
					     ? text.ptr[i]
					     : '?');
	r->left -= text.len;
}

static void put_times(struct screen_row *r, const char *character, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_add_str(r->out, character);
	r->left -= count;
}

void screen_row_add(struct screen_row *r, enum screen_style style, struct nf_slice text)
{
	if (text.len > r->left)
		text.len = r->left;
	if (!text.len)
		return;
	flush_spaces(r);
	begin_style(r, style);
	put(r, text);
	end_style(r, style);
}

/* Appends the space before a cell; false if the cell does not fit. */
static bool open_cell(struct screen_row *r, size_t width)
{
	size_t gap = r->left + 1 == r->screen->width ? 0 : 1;

	if (r->left < width + gap)
		return false;
	put_spaces(r, gap);
	return true;
}

void screen_row_cell(struct screen_row *r, const struct screen_cell *cell)
{
	struct nf_slice text = cell->text, mark = nf_slice_str(CUT_MARK);
	size_t pad;

	if (!open_cell(r, cell->width))
		return;
	if (text.len <= cell->width || cell->width < CUT_WIDTH_MIN)
		mark.len = 0;
	if (text.len > cell->width)
		text.len = cell->width - mark.len;
	pad = cell->width - text.len - mark.len;
	if (cell->side == SCREEN_RIGHT)
		put_spaces(r, pad);
	screen_row_add(r, cell->style, text);
	screen_row_add(r, cell->style, mark);
	if (cell->side == SCREEN_LEFT)
		put_spaces(r, pad);
}

/* "====>   " */
static void put_ascii_bar(struct screen_row *r, size_t width, size_t full)
{
	put_times(r, "=", full);
	if (full < width)
		put_times(r, ">", 1);
	put_times(r, " ", width - full - (full < width));
}

static void put_line_bar(struct screen_row *r, size_t width, size_t full)
{
	begin_style(r, SCREEN_GOOD);
	put_times(r, "\xe2\x94\x81", full); /* a thick line */
	end_style(r, SCREEN_GOOD);
	begin_style(r, SCREEN_DIM);
	put_times(r, "\xe2\x94\x80", width - full); /* a thin one */
	end_style(r, SCREEN_DIM);
}

void screen_row_bar(struct screen_row *r, size_t width, uint64_t done, uint64_t total)
{
	double part = done < total ? (double)done / (double)total : 1;
	bool lines = r->screen->utf8;
	size_t inner = lines ? width : width - 2;

	if (width < 4 || !open_cell(r, width))
		return;
	flush_spaces(r);
	if (lines) {
		put_line_bar(r, inner, (size_t)(part * (double)inner));
		return;
	}
	put_times(r, "[", 1);
	put_ascii_bar(r, inner, (size_t)(part * (double)inner));
	put_times(r, "]", 1);
}
