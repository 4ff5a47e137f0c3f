/* Decides when a transfer is too slow to wait for. Pure: times are milliseconds of a
 * monotonic clock. */
#ifndef STALL_H
#define STALL_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes per second. Even sixteen concurrent transfers over the slowest modem exceed
 * it. */
#define STALL_FLOOR 200

/* Number of windows in a timeout. */
#define STALL_WINDOWS 8

/* All zero: the request has not been sent. */
struct stall {
	bool is_watched;
	unsigned over;	/* bytes of the last complete windows: */
	int64_t since;	/* start of the current window */
	uint64_t bytes; /* bytes in it */
	uint64_t before[STALL_WINDOWS];
};

/* The request was sent: bytes are expected from now on. */
void stall_begin(struct stall *s, int64_t now);

void stall_took(struct stall *s, uint64_t bytes);

/* For this long, it was this program that did not read. */
void stall_excuse(struct stall *s, int64_t ms);

/* True if less than the floor arrived during the timeout; noticed at most one window
 * late. Call it in each window. */
bool stall_is_too_slow(struct stall *s, int64_t now, int64_t timeout_ms);

#endif
