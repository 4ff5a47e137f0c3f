/* Whether a cache is worth asking: a circuit breaker. Pure. */
#ifndef HEALTH_H
#define HEALTH_H

#include <stdbool.h>
#include <stdint.h>

enum health_event {
	HEALTH_OK,	    /* an answer, also "not found" */
	HEALTH_UNREACHABLE, /* no connection: refused, timed out, no such host, TLS failed
			     */
	HEALTH_BROKEN,	    /* a transfer broke, stalled, or the server erred (5xx) */
	HEALTH_LIED,	    /* wrong bytes, wrong range, a wrong signature */
};

struct health {
	unsigned failures; /* in a row */
	bool ever_ok;
	bool quarantined; /* it lied too often: not asked again in this run */
	unsigned lies;
	int64_t open_until; /* not asked before this time */
};

/* NOW in milliseconds of a monotonic clock. */
void health_event(struct health *h, enum health_event event, int64_t now);

/* True if the cache may be asked at NOW. */
bool health_usable(const struct health *h, int64_t now);

/* True if it will not be asked again in this run. */
bool health_is_gone(const struct health *h);

#endif
