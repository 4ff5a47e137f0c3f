/* How many bytes per second all transfers together may receive, by time of day. Pure:
 * takes the time as an argument, from a monotonic clock and the wall clock. */
#ifndef RATE_LIMIT_H
#define RATE_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/err.h"

#define RATE_WINDOWS_MAX 16
/* With less, connections could not be set up in time. */
#define RATE_MIN 4096
#define RATE_MAX (1ULL << 40)

struct rate_window {
	unsigned from, to; /* minutes of the local day; FROM > TO: over midnight */
	uint64_t rate;	   /* bytes per second; 0: no limit */
};

/* All zero: no limit at any time. */
struct rate_schedule {
	uint64_t rate; /* outside of all windows */
	struct rate_window windows[RATE_WINDOWS_MAX];
	size_t count;
};

/* "RATE", or "RATE@HH:MM-HH:MM" for part of each day. RATE: bytes, with K, M or G times
 * 1024; "none" or 0: no limit. NF_E_USAGE quotes what is wrong. */
int rate_schedule_add(struct rate_schedule *s, const char *text,
		      struct nf_err *err) MUST_CHECK;

/* Bytes per second at that time; 0: no limit. If windows overlap, the one that was added
 * last counts. */
uint64_t rate_schedule_at(const struct rate_schedule *s, time_t wall);

/* The lowest at any time; 0 if there is none. */
uint64_t rate_schedule_lowest(const struct rate_schedule *s);

/* A token bucket that may be overdrawn, because a reader cannot know how much will
 * arrive. */
struct rate_limit {
	struct rate_schedule schedule;
	uint64_t rate;	  /* at LAST_MS */
	int64_t last_ms;  /* 0: never asked */
	int64_t thousand; /* thousandths of bytes that may be read; negative: a debt */
};

void rate_limit_init(struct rate_limit *l, const struct rate_schedule *s);
void rate_limit_took(struct rate_limit *l, uint64_t bytes);

/* Milliseconds until the next check; 0: bytes may be read now. */
int64_t rate_limit_wait(struct rate_limit *l, int64_t now_ms, time_t wall);

/* More was read since then than allowed. */
bool rate_limit_is_spent(const struct rate_limit *l);

#endif
