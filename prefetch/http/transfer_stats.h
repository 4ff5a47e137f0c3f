/* What a cache's transfers came to: requests, bytes, failures, latency, throughput. Pure:
 * transfer.c tells it of each transfer's beginning, bytes and end. */
#ifndef TRANSFER_STATS_H
#define TRANSFER_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/histogram.h"

struct transfer_done;

enum transfer_failure {
	TRANSFER_FAILED_REACH, /* no such host, refused */
	TRANSFER_FAILED_TIME,  /* no connection or no answer in time */
	TRANSFER_FAILED_TLS,
	TRANSFER_FAILED_STALL,	 /* it went silent */
	TRANSFER_FAILED_BREAK,	 /* it broke off */
	TRANSFER_FAILED_STATUS,	 /* an HTTP status of failure */
	TRANSFER_FAILED_ABSENT,	 /* a NAR that its narinfo promised is not there */
	TRANSFER_FAILED_CONTENT, /* something else than promised came: told by who sees it
				  */
	TRANSFER_FAILURES
};

/* All zero: nothing yet. */
struct transfer_stats {
	uint64_t requests;  /* repeated and redirected ones included */
	uint64_t bytes;	    /* of all bodies that came, failures' included */
	uint64_t nar_bytes; /* of these, for NARs */
	size_t failures[TRANSFER_FAILURES];
	struct histogram narinfo_us, nar_us; /* from a request to its first byte */
	uint64_t forbidden; /* answers to other requests than for NARs: HTTP status 403 */
	unsigned nars_active;
	int64_t busy_since; /* while there are any */
	int64_t busy_ms;    /* before that */
};

/* NAR: the transfer is of a NAR, else of a narinfo or nix-cache-info. */
void transfer_stats_begin(struct transfer_stats *s, bool nar, int64_t now_ms);
void transfer_stats_bytes(struct transfer_stats *s, bool nar, size_t n);
/* DONE is NULL for a transfer that was given up. */
void transfer_stats_end(struct transfer_stats *s, bool nar,
			const struct transfer_done *done, int64_t now_ms);

size_t transfer_stats_failures(const struct transfer_stats *s);
/* True if the answer was HTTP status 403 whatever was asked, nix-cache-info included. An
 * object store says so of what it lacks; a cache that says nothing else wants a login. */
bool transfer_stats_all_forbidden(const struct transfer_stats *s);

/* "unreachable", "timeout" ... */
const char *transfer_failure_name(enum transfer_failure f);

/* Of NARs, over the time in which at least one was coming; 0: too short to tell. */
uint64_t transfer_stats_throughput(const struct transfer_stats *s);

#endif
