/* Decides whether to use a cache: a circuit breaker. Pure. */
#ifndef HEALTH_H
#define HEALTH_H

#include <stdbool.h>
#include <stdint.h>

enum health_event {
	HEALTH_OK,	    /* an answer, also "not found" */
	HEALTH_UNREACHABLE, /* no connection: refused, timed out, no such host, TLS failed
			     */
	HEALTH_BROKEN, /* a transfer broke off, stalled, or the server failed (5xx) */
	HEALTH_LIED,   /* wrong bytes, wrong range, a wrong signature */
};

struct health {
	unsigned failures; /* consecutive failures */
	int64_t failed_at; /* time of the last failure that counted */
	bool ever_ok;
	bool never_seen;  /* a connection failed before its first good answer */
	bool quarantined; /* it lied too often: not used again in this run */
	unsigned lies;
	int64_t open_until; /* not used before this time */
	/* Never given up, however often it fails: it gets one request at a time until it
	 * answers. */
	bool is_patient;
	bool is_given_up; /* given up after a long wait */
};

/* NOW in milliseconds of a monotonic clock. */
void health_event(struct health *h, enum health_event event, int64_t now);

/* True if the cache may be used at NOW. */
bool health_usable(const struct health *h, int64_t now);

/* True if it will not be used again in this run. */
bool health_is_gone(const struct health *h);

/* Sets whether to wait for it. If it no longer is and the cache is down, it is given
 * up. */
void health_set_patient(struct health *h, bool is_patient);

/* True if it failed more than once in a row and is waited for. */
bool health_is_waited_for(const struct health *h);

#endif
