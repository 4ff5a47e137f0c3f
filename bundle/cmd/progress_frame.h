/* The picture of the progress for a terminal: a line for the whole, a line per cache, and
 * a few lines for what happens now. Pure. */
#ifndef PROGRESS_FRAME_H
#define PROGRESS_FRAME_H

#include "cmd/progress_view.h"
#include "cmd/screen_row.h"

/* Appends at most HEIGHT - 1 rows, each of which ends with a line feed. Returns their
 * number. */
size_t progress_frame(struct buf *out, const struct progress_sample *s,
		      const struct screen *screen);

#endif
