/* A transport without a network: it returns prepared responses in virtual time. A URL
 * without one is 404. */
#ifndef FAKE_TRANSPORT_H
#define FAKE_TRANSPORT_H

#include <nixferry/slice.h>

#include "fetch/transport.h"

struct fake_transport;

struct fake_answer {
	long status; /* 0: the transfer fails, as CONNECTED and STALLED say */
	bool connected, stalled;
	int64_t after_ms;     /* from the request to the head */
	uint64_t rate;	      /* bytes per millisecond; 0: all at once */
	struct nf_slice body; /* borrowed */
	bool has_ranges;
	/* Its ranges begin this many bytes late, or end this many early, and announce
	 * that. */
	uint64_t range_shift, range_short;
	bool always_ranges; /* it answers every request with a range... */
	bool no_total;	    /* ...and does not say of how many bytes */
	bool no_length;	    /* it does not announce the length of the body */
	const char *etag;   /* or NULL; borrowed */
	uint64_t breaks_at; /* the connection breaks after this many bytes; 0: never */
	int breaks_with;    /* NF_E_...; 0: NF_E_NET */
};

struct fake_transport *fake_transport_new(void);
void fake_transport_free(struct fake_transport *ft);
struct transport fake_transport_transport(struct fake_transport *ft);

/* Adds a response for URL; each is used once, the last one repeatedly. */
void fake_transport_answer(struct fake_transport *ft, const char *url,
			   const struct fake_answer *a);

/* A recorded request. */
struct fake_request {
	char *url;
	int64_t at;			 /* milliseconds since the start */
	uint64_t range_start, range_end; /* as in struct transfer_request */
	char *if_range;			 /* or NULL */
	bool no_cache, was_cancelled;
};

/* Number of requests for URL. */
size_t fake_transport_count(const struct fake_transport *ft, const char *url);
/* The Nth request (from 0) for URL; fails the test if there is none. */
const struct fake_request *fake_transport_request(const struct fake_transport *ft,
						  const char *url, size_t n);
/* Milliseconds since the start. */
int64_t fake_transport_now(const struct fake_transport *ft);

#endif
