/* The text of the progress display; ui.c writes it. */
#ifndef PROGRESS_VIEW_H
#define PROGRESS_VIEW_H

#include <nixferry/watch.h>
#include <stdint.h>

#include "base/buf.h"

/* Bytes per second, smoothed over the last few seconds. */
struct rate {
	double per_second;
	double last_time;
	uint64_t last_bytes;
	bool running;
};

/* TIME is in seconds, from any start. If the number of bytes falls, measuring starts
 * again. */
void rate_update(struct rate *r, uint64_t bytes, double time);

struct progress_sample {
	struct nf_progress now;	     /* its phase is NULL before anything has begun */
	double bytes_per_second;     /* speed of bytes_done */
	double nar_bytes_per_second; /* speed of nar_bytes_done */
};

/* "fetching: 12 of 430 paths, 1.20 GiB of 2.41 GiB, 35.1 MiB/s, 0:34 min left" */
void progress_view_line(struct buf *out, const struct progress_sample *s);

/* One item: "  fetch glibc-2.36". */
void progress_view_item(struct buf *out, const struct nf_progress_item *item);

#endif
