/* Statistics of a cache's transfers: requests, bytes, failures, latency, throughput.
 * Pure: transfer.c reports the beginning, the bytes and the end of each transfer. */
#ifndef TRANSFER_STATS_H
#define TRANSFER_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/histogram.h"

struct transfer_done;

enum transfer_failure {
	TRANSFER_FAILED_REACH, /* no such host, connection refused */
	TRANSFER_FAILED_TIME,  /* no connection or no response in time */
	TRANSFER_FAILED_TLS,
	TRANSFER_FAILED_STALL,	 /* it stalled */
	TRANSFER_FAILED_BREAK,	 /* it broke off */
	TRANSFER_FAILED_STATUS,	 /* an HTTP error status */
	TRANSFER_FAILED_ABSENT,	 /* a NAR that its narinfo names is missing */
	TRANSFER_FAILED_CONTENT, /* unexpected content; reported by whoever checks it */
	TRANSFER_FAILURES
};

/* All zero: nothing yet. */
struct transfer_stats {
	uint64_t requests;  /* including retries and redirects */
	uint64_t bytes;	    /* of all bodies, including failed ones */
	uint64_t nar_bytes; /* those of NARs */
	size_t failures[TRANSFER_FAILURES];
	struct histogram narinfo_us, nar_us; /* from a request to its first byte */
	uint64_t forbidden; /* responses to requests other than for NARs with HTTP status
			       403 */
	unsigned nars_active;
	int64_t busy_since; /* while there are any */
	int64_t busy_ms;    /* before that */
};

/* NAR: the transfer is of a NAR, else of a narinfo or nix-cache-info. */
void transfer_stats_begin(struct transfer_stats *s, bool nar, int64_t now_ms);
void transfer_stats_bytes(struct transfer_stats *s, bool nar, size_t n);
/* DONE is NULL for a transfer that was cancelled. */
void transfer_stats_end(struct transfer_stats *s, bool nar,
			const struct transfer_done *done, int64_t now_ms);

size_t transfer_stats_failures(const struct transfer_stats *s);
/* True if every response had HTTP status 403, even for nix-cache-info. An object store
 * answers so for missing files; a cache that always does requires a login. */
bool transfer_stats_all_forbidden(const struct transfer_stats *s);
#define TRANSFER_ALL_FORBIDDEN_TEXT                                                      \
	"it answered every request with HTTP status 403; if it needs "                   \
	"a password: --netrc-file FILE"

/* "unreachable", "timeout" ... */
const char *transfer_failure_name(enum transfer_failure f);

/* For NARs, over the time in which at least one was arriving; 0 if it was too short. */
uint64_t transfer_stats_throughput(const struct transfer_stats *s);

#endif
