/* What the progress display says, apart from where it is written. */
#ifndef PROGRESS_VIEW_H
#define PROGRESS_VIEW_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/progress.h"

/* Bytes a second, smoothed over the last few seconds. */
struct rate {
	double per_second;
	double last_time;
	uint64_t last_bytes;
	bool running;
};

/* TIME is in seconds, from any start. Counting from less bytes than before starts anew.
 */
void rate_update(struct rate *r, uint64_t bytes, double time);

struct progress_sample {
	const char *phase; /* NULL: nothing has begun */
	uint64_t counts[PROGRESS_COUNTS];
	struct progress_item items[PROGRESS_ITEMS];
	size_t item_count;
	double per_second;	      /* of PROGRESS_BYTES_DONE */
	double work_per_second;	      /* of PROGRESS_WORK_DONE */
	char wait[PROGRESS_WAIT_MAX]; /* shown instead of the phase */
};

void progress_sample_take(struct progress_sample *s, struct progress *p);

/* "fetching: 12 of 430 paths, 1.20 GiB of 2.41 GiB, 35.1 MiB/s, 0:34 min left" */
void progress_view_line(struct buf *out, const struct progress_sample *s);

/* One item: "  fetch glibc-2.36". */
void progress_view_item(struct buf *out, const struct progress_item *item);

#endif
