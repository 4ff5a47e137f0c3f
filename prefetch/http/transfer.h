/* HTTP transfers, many at once, driven by one thread. Only transfer*.c and
 * config/url.c use libcurl.
 */
#ifndef TRANSFER_H
#define TRANSFER_H

#include <nixferry/slice.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "http/rate_limit.h"

/* What callers use where the user says nothing. */
#define TRANSFERS_CONNECT_TIMEOUT_MS 5000
/* The longest wait of transfers_run, so that an interruption is noticed. */
#define TRANSFERS_POLL_MS 200

struct transfers;
struct transfer;
struct transfer_stats;

struct transfers_options {
	size_t connections;	     /* at most, in all */
	size_t connections_per_host; /* at most, to one host and port */
	int connect_timeout_ms;
	int stall_timeout_s; /* a transfer that moves next to nothing for so long has
			      * failed; what the limit holds up does not count */
	const struct credentials *credentials; /* or NULL; they outlive the transfers */
	const char *ca_file;		       /* or NULL: the system's */
	const char *user_agent_suffix;	       /* or NULL */
	struct rate_schedule limit;	       /* of all transfers together */
};

int transfers_new(struct transfers **ret, const struct transfers_options *opts,
		  struct nf_err *err) MUST_CHECK;
/* Ends transfers that are under way without telling their owners. */
void transfers_free(struct transfers *t);
DEFINE_CLEANUP(struct transfers *, transfers_free)

/* What is known when the first body byte comes, or at the end of an empty body. */
struct transfer_head {
	long status;	      /* of the last response, redirects followed */
	uint64_t range_start; /* of a 206: its Content-Range; range_ok: it has a valid one
			       */
	uint64_t range_end;   /* after its last byte */
	uint64_t range_total; /* also of a 416; UINT64_MAX: not said */
	bool range_ok;
	bool ranges;	  /* it says that it serves ranges */
	bool encoded;	  /* it comes compressed and is decoded: nothing is known of its
			   * length, and it has no ranges */
	const char *etag; /* strong ETag, or NULL; valid during the call */
	int64_t length;	  /* Content-Length, or -1 */
};

/* Why a transfer failed, as far as it tells of the cache. */
enum transfer_cause {
	TRANSFER_OTHER,
	TRANSFER_NO_HOST, /* its name is not known */
	TRANSFER_REFUSED, /* no connection: refused, no route */
	TRANSFER_TIMEOUT, /* no connection or no answer in time */
	TRANSFER_TLS,
	TRANSFER_ASTRAY, /* sent in a loop, or to what is not HTTP or no URL at all; or
			  * encoded as libcurl does not know */
};

struct transfer_done {
	int rc;	     /* 0: a whole response came, whatever its status; else -NF_E_NET or
		      * what a callback returned */
	long status; /* 0: none came */
	unsigned redirects;	   /* that were followed */
	enum transfer_cause cause; /* where rc is -NF_E_NET */
	bool connected; /* false: no connection was made (refused, timed out, DNS, TLS) */
	bool stalled;
	int64_t retry_after_s;			 /* -1: not said */
	uint64_t bytes;				 /* of body */
	double connect_s, first_byte_s, total_s; /* since the start, queueing included */
	double answer_s;      /* from the request's sending to the answer's first byte */
	char http_version[8]; /* "1.1", "2", "" */
};

#define TRANSFER_ENOUGH 1

struct transfer_request {
	const char *url;
	uint64_t range_start; /* > 0: a ranged request from there on */
	uint64_t range_end;   /* > 0: the last byte's offset; 0: to the end */
	const char *if_range; /* ETag, or NULL */
	uint64_t max_bytes;   /* a longer body ends the transfer with NF_E_LIMIT */
	int timeout_ms;	      /* for all of it but its wait for a connection; 0: none */
	bool no_cache;	      /* nobody on the way may answer from memory */
	bool large; /* a NAR: big buffers, lower priority, no encoding on the wire */
	struct transfer_stats *stats; /* what it is counted in, or NULL */
	void *ctx;
	/* Either may return a negative NF_E_... to end the transfer with it, or
	 * TRANSFER_ENOUGH to end it as if all had come. HEAD may be NULL. */
	int (*head)(void *ctx, const struct transfer_head *head, struct nf_err *err);
	int (*data)(void *ctx, const void *p, size_t len, struct nf_err *err);
	/* Exactly once, from transfers_run. ERR is set where done->rc is not 0. */
	void (*done)(void *ctx, const struct transfer_done *done,
		     const struct nf_err *err);
};

/* Starts a transfer; callbacks come from transfers_run only. */
struct transfer *transfers_start(struct transfers *t, const struct transfer_request *req);

/* Ends one early; its done is not called. Not from that transfer's own callbacks. */
void transfers_cancel(struct transfer *x);

size_t transfers_active(const struct transfers *t);

/* Runs what is due; where nothing ended by that, waits at most TIMEOUT_MS for the network
 * or a wakeup, and runs what is due then. */
int transfers_run(struct transfers *t, int timeout_ms, struct nf_err *err) MUST_CHECK;

/* True if the limit, and not the network, has set the pace at some time. */
bool transfers_were_held_back(const struct transfers *t);

/* Makes a waiting transfers_run return; any thread. */
void transfers_wakeup(struct transfers *t);

#endif
