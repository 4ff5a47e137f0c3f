/* A transport without a network: it gives the answers that a test has written down, in
 * virtual time. What no answer is written down for is 404. */
#ifndef FAKE_TRANSPORT_H
#define FAKE_TRANSPORT_H

#include <nixferry/slice.h>

#include "fetch/transport.h"

struct fake_transport;

struct fake_answer {
	long status; /* 0: the transfer fails, as CONNECTED and STALLED say */
	bool connected, stalled;
	int64_t after_ms;     /* from the request to the head */
	uint64_t rate;	      /* bytes a millisecond; 0: all at once */
	struct nf_slice body; /* borrowed */
	bool has_ranges;
	/* Its ranges begin so many bytes further on, or end so many too early; and they
	 * say so. */
	uint64_t range_shift, range_short;
	bool no_length;	    /* it does not say how long the body is */
	const char *etag;   /* or NULL; borrowed */
	uint64_t breaks_at; /* the connection breaks after so many bytes; 0: never */
};

struct fake_transport *fake_transport_new(void);
void fake_transport_free(struct fake_transport *ft);
struct transport fake_transport_transport(struct fake_transport *ft);

/* The next answer for URL; each is given once, and the last one again and again. */
void fake_transport_answer(struct fake_transport *ft, const char *url,
			   const struct fake_answer *a);

/* A request that was made. */
struct fake_request {
	char *url;
	int64_t at;			 /* milliseconds since the start */
	uint64_t range_start, range_end; /* as in struct transfer_request */
	char *if_range;			 /* or NULL */
	bool no_cache, was_cancelled;
};

/* How often URL was asked for. */
size_t fake_transport_count(const struct fake_transport *ft, const char *url);
/* The Nth request (from 0) for URL; it fails the test if there is none. */
const struct fake_request *fake_transport_request(const struct fake_transport *ft,
						  const char *url, size_t n);
/* Milliseconds since the start. */
int64_t fake_transport_now(const struct fake_transport *ft);

#endif
