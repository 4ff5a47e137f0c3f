/* One row of a display on a terminal. It never takes more columns than the screen has,
 * and contains no byte that a terminal would obey but its own colors. */
#ifndef SCREEN_ROW_H
#define SCREEN_ROW_H

#include <nixferry/slice.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct screen {
	size_t width, height;
	bool color;
	bool utf8; /* it shows line drawing characters */
};

enum screen_style {
	SCREEN_PLAIN,
	SCREEN_BOLD,
	SCREEN_DIM,
	SCREEN_GOOD,
	SCREEN_WARN,
	SCREEN_BAD,
};

struct screen_row {
	struct buf *out;
	const struct screen *screen;
	size_t left; /* columns that are still free */
	size_t pad;  /* spaces that come before further text */
};

/* The row is appended to OUT. The last column stays free: after it, terminals differ. */
void screen_row_begin(struct screen_row *r, struct buf *out, const struct screen *screen);

/* Appends text, cut to the free columns. A character that is not printable ASCII becomes
 * '?', because its width is not known. */
void screen_row_add(struct screen_row *r, enum screen_style style, struct nf_slice text);

enum screen_side {
	SCREEN_LEFT,
	SCREEN_RIGHT,
};

/* The following are dropped if they do not fit. */
struct screen_cell {
	struct nf_slice text; /* its end is cut off if it is too long */
	size_t width;
	enum screen_side side;
	enum screen_style style;
};
/* Appends a space, unless the row is empty, and the cell. */
void screen_row_cell(struct screen_row *r, const struct screen_cell *cell);
/* The same for a bar of WIDTH columns that shows DONE of TOTAL, which is not 0. */
void screen_row_bar(struct screen_row *r, size_t width, uint64_t done, uint64_t total);

#endif
