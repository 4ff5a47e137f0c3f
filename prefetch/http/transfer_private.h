/* Shared by the parts of transfer; only they use libcurl. */
#ifndef TRANSFER_PRIVATE_H
#define TRANSFER_PRIVATE_H

#include <sys/queue.h>

#include <curl/curl.h>

#include "http/route.h"
#include "http/stall.h"
#include "http/transfer.h"

#define IDLE_HANDLES_MAX 64

struct transfer {
	struct transfers *owner;
	LIST_ENTRY(transfer) link; /* list of the active ones */
	CURL *easy;
	struct curl_slist *headers;
	struct transfer_request req;
	struct nf_err err;
	int rc;
	bool head_seen;
	bool is_redirect; /* the current response is a redirect; known once head_seen */
	bool ended;	  /* done was called */
	bool is_paused;
	int64_t paused_at;
	int64_t begun_at; /* when it left curl's queue; 0: not yet */
	TAILQ_ENTRY(transfer) paused_link;
	struct stall stall;
	uint64_t bytes;
	struct route route;
	double connect_s; /* for the redirects followed */
	char error[CURL_ERROR_SIZE];
};

struct transfers {
	CURLM *multi;
	LIST_HEAD(, transfer) active;
	size_t active_count;
	CURL *idle[IDLE_HANDLES_MAX];
	size_t idle_count;
	long connect_timeout_ms;
	int64_t stall_timeout_ms;
	int64_t next_overdue_look;
	bool more_overdue; /* or NULL */
	const struct credentials *credentials;
	char *ca_file;
	char *user_agent;
	bool is_limited;
	int64_t held_ms; /* the limit, not the network, caused a wait */
	int64_t held_at; /* nothing at all is read since then; 0: it is */
	int64_t left_at; /* when transfers_run returned */
	long large_buffer;
	struct rate_limit limit;
	TAILQ_HEAD(, transfer) paused; /* NARs waiting for the limit, in turn */
	int wake_fd;		       /* readable: transfers_wakeup was called */
};

/* A header of the newest response, or NULL; valid as long as the transfer. */
const char *transfer_header(struct transfer *x, const char *name);

/* Looks at the head of a response, once: at the first byte of a body, or at the end of an
 * empty one. Unless it is a redirect, calls the owner; x->rc is the owner's result. */
void transfer_see_head(struct transfer *x);

/* One of libcurl's times, measured since the start of its last request. */
double transfer_seconds(const struct transfer *x, CURLINFO which);
/* Describes how it ended, except for rc. */
void transfer_describe(struct transfer *x, CURLcode code, struct transfer_done *d);

/* An active transfer that has stalled or timed out, with the reason in x->error; NULL if
 * there is none. libcurl's own timeouts do not take into account waiting for our limit or
 * for a connection. */
struct transfer *transfer_find_overdue(struct transfers *t, int64_t now);

#endif
