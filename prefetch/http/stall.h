/* Whether a transfer has become too slow to be worth waiting for. Pure: times are
 * milliseconds of a monotonic clock. */
#ifndef STALL_H
#define STALL_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes a second. Sixteen transfers at once over the slowest of modems each get more. */
#define STALL_FLOOR 200

/* The timeout is looked at in so many windows. */
#define STALL_WINDOWS 8

/* All zero: its request is not sent yet. */
struct stall {
	bool is_watched;
	unsigned over;	/* windows that are over; the last ones' bytes: */
	int64_t since;	/* when this one began */
	uint64_t bytes; /* in it */
	uint64_t before[STALL_WINDOWS];
};

/* Its request is sent: from now on bytes are expected. */
void stall_begin(struct stall *s, int64_t now);

void stall_took(struct stall *s, uint64_t bytes);

/* For so long it was we who did not read. */
void stall_excuse(struct stall *s, int64_t ms);

/* True if less than the floor came over the timeout, which is noticed a window late at
 * most. To be asked in each window. */
bool stall_is_too_slow(struct stall *s, int64_t now, int64_t timeout_ms);

#endif
