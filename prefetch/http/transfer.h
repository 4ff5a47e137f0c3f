/* Many concurrent HTTP transfers, driven by one thread. Only transfer*.c and config/url.c
 * use libcurl. */
#ifndef TRANSFER_H
#define TRANSFER_H

#include <nixferry/slice.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "http/rate_limit.h"

/* Defaults of all callers. */
#define TRANSFERS_CONNECT_TIMEOUT_MS 5000
/* The longest wait of transfers_run, so that an interruption is noticed. */
#define TRANSFERS_POLL_MS 200

struct transfers;
struct transfer;
struct transfer_stats;

struct transfers_options {
	size_t connections;	     /* maximum in total */
	size_t connections_per_host; /* maximum to one host and port */
	int connect_timeout_ms;
	int stall_timeout_s; /* a transfer that receives next to nothing for this long
				fails; delays by the rate limit do not count */
	const struct credentials *credentials; /* or NULL; must outlive the transfers */
	const char *ca_file;		       /* or NULL for the system's */
	const char *user_agent_suffix;	       /* or NULL */
	struct rate_schedule limit;	       /* for all transfers together */
};

int transfers_new(struct transfers **ret, const struct transfers_options *opts,
		  struct nf_err *err) MUST_CHECK;
/* Ends transfers in progress without calling their owners. */
void transfers_free(struct transfers *t);
DEFINE_CLEANUP(struct transfers *, transfers_free)

/* What is known when the first body byte arrives, or at the end of an empty body. */
struct transfer_head {
	long status;	      /* of the last response, after redirects */
	uint64_t range_start; /* of a 206: its Content-Range; range_ok: it has a valid one
			       */
	uint64_t range_end;   /* after its last byte */
	uint64_t range_total; /* also of a 416; UINT64_MAX: not reported */
	bool range_ok;
	bool ranges;	  /* it announces byte ranges */
	bool encoded;	  /* the body is compressed and will be decoded: its length is
			     unknown, and it has no ranges */
	const char *etag; /* strong ETag, or NULL; valid during the call */
	int64_t length;	  /* Content-Length, or -1 */
};

/* Why a transfer failed, as far as that concerns the cache. */
enum transfer_cause {
	TRANSFER_OTHER,
	TRANSFER_NO_HOST, /* host name unknown */
	TRANSFER_REFUSED, /* no connection: refused, no route */
	TRANSFER_TIMEOUT, /* no connection or no response in time */
	TRANSFER_TLS,
	TRANSFER_ASTRAY, /* a redirect loop or a redirect to an invalid or unsupported
			    URL; or an encoding that libcurl does not know */
};

struct transfer_done {
	int rc; /* 0: a whole response arrived, whatever its status; else -NF_E_NET or
		   what a callback returned */
	long status;		   /* 0 if there was none */
	unsigned redirects;	   /* number of redirects followed */
	enum transfer_cause cause; /* if rc is -NF_E_NET */
	bool connected; /* false: no connection was made (refused, timed out, DNS, TLS) */
	bool stalled;
	int64_t retry_after_s; /* -1 if missing */
	uint64_t bytes;	       /* size of the body */
	double connect_s, first_byte_s,
		total_s; /* since the start, including the time in the queue */
	double answer_s; /* from sending the request to the first byte of the response */
	char http_version[8]; /* "1.1", "2", "" */
};

#define TRANSFER_ENOUGH 1

struct transfer_request {
	const char *url;
	uint64_t range_start; /* > 0: a range request from there on */
	uint64_t range_end;   /* > 0: the last byte's offset; 0: to the end */
	const char *if_range; /* ETag, or NULL */
	uint64_t max_bytes;   /* a longer body ends the transfer with NF_E_LIMIT */
	int timeout_ms; /* for everything except its wait for a connection; 0: none */
	bool no_cache;	/* no proxy may answer from its cache */
	bool large;	/* a NAR: large buffers, lower priority, no content encoding */
	struct transfer_stats *stats; /* counters for it, or NULL */
	void *ctx;
	/* Either may return a negative NF_E_... to end the transfer with it, or
	 * TRANSFER_ENOUGH to end it as if complete. HEAD may be NULL. */
	int (*head)(void *ctx, const struct transfer_head *head, struct nf_err *err);
	int (*data)(void *ctx, const void *p, size_t len, struct nf_err *err);
	/* Called exactly once, from transfers_run. ERR is set if done->rc is not 0. */
	void (*done)(void *ctx, const struct transfer_done *done,
		     const struct nf_err *err);
};

/* Starts a transfer; callbacks are only called from transfers_run. */
struct transfer *transfers_start(struct transfers *t, const struct transfer_request *req);

/* Ends a transfer early without calling its done. Not from that transfer's own
 * callbacks. */
void transfers_cancel(struct transfer *x);

size_t transfers_active(const struct transfers *t);

/* Runs what is due. If no transfer ended, waits at most TIMEOUT_MS for the network or a
 * wakeup, and runs what is due then. */
int transfers_run(struct transfers *t, int timeout_ms, struct nf_err *err) MUST_CHECK;

/* True if the limit, and not the network, determined the speed at some time. */
bool transfers_were_held_back(const struct transfers *t);

/* Makes a waiting transfers_run return; any thread. */
void transfers_wakeup(struct transfers *t);

#endif
