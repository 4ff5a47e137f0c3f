/* When to retry. Pure. */
#ifndef RETRY_H
#define RETRY_H

#include <stdbool.h>
#include <stdint.h>

/* What an HTTP response, or its absence (status 0), means for the requested file. */
enum retry_verdict {
	RETRY_OK,     /* 2xx */
	RETRY_ABSENT, /* 404, 410, and 403 (object stores answer so for missing files) */
	RETRY_LATER,  /* 408, 429, most 5xx, a broken or stalled transfer */
	RETRY_NEVER,  /* login required (401, 407), other 4xx, 501, 505, 511 */
};

enum retry_verdict retry_judge(long status);

#define RETRY_ATTEMPTS 5

/* Milliseconds to wait before attempt ATTEMPT (1: the first retry), or -1 after enough
 * attempts. Exponential with full jitter from RANDOM (any 32 bits): up to 250 ms,
 * doubling, at most a minute; initially 5 s if the server is overloaded (429, 503); never
 * less than RETRY_AFTER_S (-1: none), which is capped at five minutes. */
int64_t retry_delay_ms(unsigned attempt, long status, int64_t retry_after_s,
		       uint32_t random);

struct retry_failure {
	unsigned attempt; /* 1: the next attempt is the first retry */
	long status;	  /* 0 if none arrived */
	int64_t retry_after_s;
};

/* The same without a maximum number of attempts: finally a minute between two. */
int64_t retry_pause_ms(const struct retry_failure *f, uint32_t random);

#endif
