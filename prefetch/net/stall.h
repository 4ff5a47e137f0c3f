/* Whether a transfer has become too slow to be worth waiting for. Pure: times are
 * milliseconds of a monotonic clock. */
#ifndef STALL_H
#define STALL_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes a second. Sixteen transfers at once over the slowest of modems each get more. */
#define STALL_FLOOR 200

/* All zero: its request is not sent yet. */
struct stall {
	bool is_watched;
	bool has_before;
	int64_t since;	 /* when this half of the timeout began */
	uint64_t bytes;	 /* in it */
	uint64_t before; /* in the half before */
};

/* Its request is sent: from now on bytes are expected. */
void stall_begin(struct stall *s, int64_t now);

void stall_took(struct stall *s, uint64_t bytes);

/* For so long it was we who did not read. */
void stall_excuse(struct stall *s, int64_t ms);

/* True if less than the floor came over the timeout. To be asked several times in each
 * half of the timeout. */
bool stall_is_too_slow(struct stall *s, int64_t now, int64_t timeout_ms);

#endif
