/* How many bytes a second all transfers together may bring, by the time of day. Pure: it
 * is told the time, by a monotonic clock and by the wall's. */
#ifndef RATE_LIMIT_H
#define RATE_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/err.h"

#define RATE_WINDOWS_MAX 16
/* Less would not even let connections be made in time. */
#define RATE_MIN 4096
#define RATE_MAX (1ULL << 40)

struct rate_window {
	unsigned from, to; /* minutes of the local day; FROM > TO: over midnight */
	uint64_t rate;	   /* bytes a second; 0: no limit */
};

/* All zero: no limit at any time. */
struct rate_schedule {
	uint64_t rate; /* outside of all windows */
	struct rate_window windows[RATE_WINDOWS_MAX];
	size_t count;
};

/* "RATE", or "RATE@HH:MM-HH:MM" for a part of each day. RATE: bytes, with K, M or G those
 * times 1024; "none" or 0: no limit. NF_E_USAGE quotes what is wrong. */
int rate_schedule_add(struct rate_schedule *s, const char *text,
		      struct nf_err *err) MUST_CHECK;

/* Bytes a second at that time; 0: no limit. Of windows that overlap, the one that was
 * added last counts. */
uint64_t rate_schedule_at(const struct rate_schedule *s, time_t wall);

/* The lowest at any time; 0: there is none. */
uint64_t rate_schedule_lowest(const struct rate_schedule *s);

/* A token bucket that may be overdrawn: who reads cannot know how much will come. */
struct rate_limit {
	struct rate_schedule schedule;
	uint64_t rate;	  /* at LAST_MS */
	int64_t last_ms;  /* 0: never asked */
	int64_t thousand; /* bytes that may be read, in thousandths; below 0: a debt */
};

void rate_limit_init(struct rate_limit *l, const struct rate_schedule *s);
void rate_limit_took(struct rate_limit *l, uint64_t bytes);

/* Milliseconds until the next look; 0: bytes may be read now. */
int64_t rate_limit_wait(struct rate_limit *l, int64_t now_ms, time_t wall);

/* More was taken since then than may be. */
bool rate_limit_is_spent(const struct rate_limit *l);

#endif
