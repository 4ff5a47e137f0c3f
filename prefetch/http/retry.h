/* When to try again. Pure. */
#ifndef RETRY_H
#define RETRY_H

#include <stdbool.h>
#include <stdint.h>

/* What an HTTP answer, or its absence (status 0), means for what was asked. */
enum retry_verdict {
	RETRY_OK,     /* 2xx */
	RETRY_ABSENT, /* 404, 410, and 403 (object stores say so of what they lack) */
	RETRY_LATER,  /* 408, 429, most 5xx, a broken or stalled transfer */
	RETRY_NEVER,  /* credentials wanted (401, 407), other 4xx, 501, 505, 511 */
};

enum retry_verdict retry_judge(long status);

#define RETRY_ATTEMPTS 5

/* Milliseconds to wait before attempt ATTEMPT (1: the first repetition), or -1 when there
 * have been enough. Exponential with full jitter from RANDOM (any 32 bits): up to 250 ms,
 * doubling, at most a minute; 5 s first where the server is overloaded (429, 503); never
 * less than RETRY_AFTER_S (-1: not said), of which at most five minutes are believed. */
int64_t retry_delay_ms(unsigned attempt, long status, int64_t retry_after_s,
		       uint32_t random);

struct retry_failure {
	unsigned attempt; /* 1: the first repetition comes next */
	long status;	  /* 0: none came */
	int64_t retry_after_s;
};

/* The same without an end: at last there is a minute between two attempts. */
int64_t retry_pause_ms(const struct retry_failure *f, uint32_t random);

#endif
