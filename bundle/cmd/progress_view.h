/* The progress as one line of text, and the numbers in it. progress_frame.h makes a
 * picture of them for a terminal; ui.c writes both. */
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
	double cache_speeds[NF_PROGRESS_CACHES];
};

/* What a phase is measured in: the bytes that arrive or, once they all have, those that
 * are verified and stored. */
struct progress_measure {
	uint64_t done, total; /* a total of 0 is unknown */
	double per_second;    /* 0: nothing is left, or it is not known */
};
struct progress_measure progress_view_measure(const struct progress_sample *s);

/* In seconds; 0 if it is not known. */
uint64_t progress_view_left(const struct progress_sample *s);

/* "fetching: 12 of 430 paths, 1.20 GiB of 2.41 GiB, 35.1 MiB/s, 0:34 min left" */
void progress_view_line(struct buf *out, const struct progress_sample *s);

#endif
