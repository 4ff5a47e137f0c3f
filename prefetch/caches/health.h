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
	/* It is waited for however often it fails; then it is asked one thing at a time
	 * until it answers. */
	bool is_patient;
	bool is_given_up; /* it was waited for long enough */
};

/* NOW in milliseconds of a monotonic clock. */
void health_event(struct health *h, enum health_event event, int64_t now);

/* True if the cache may be asked at NOW. */
bool health_usable(const struct health *h, int64_t now);

/* True if it will not be asked again in this run. */
bool health_is_gone(const struct health *h);

/* From now on it is waited for, or is not any more: then it is gone, if it is down. */
void health_set_patient(struct health *h, bool is_patient);

/* True if it failed more than once in a row and is waited for. */
bool health_is_waited_for(const struct health *h);

#endif
