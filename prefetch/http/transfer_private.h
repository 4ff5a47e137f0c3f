/* What the parts of transfer share; they alone see libcurl. */
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
	LIST_ENTRY(transfer) link; /* of the active ones */
	CURL *easy;
	struct curl_slist *headers;
	struct transfer_request req;
	struct nf_err err;
	int rc;
	bool head_seen;
	bool is_redirect; /* what is being read leads elsewhere; known once head_seen */
	bool ended;	  /* done was told */
	bool is_paused;
	int64_t paused_at;
	int64_t begun_at; /* when it left curl's queue; 0: it has not */
	TAILQ_ENTRY(transfer) paused_link;
	struct stall stall;
	uint64_t bytes;
	struct route route;
	double connect_s; /* for the redirects that were followed */
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
	bool more_overdue; /* perhaps: one was found */
	const struct credentials *credentials;
	char *ca_file;
	char *user_agent;
	bool is_limited;
	int64_t held_ms; /* that the limit, not the network, was waited for */
	int64_t held_at; /* since then nothing at all is read; 0: it is */
	int64_t left_at; /* when transfers_run returned */
	long large_buffer;
	struct rate_limit limit;
	TAILQ_HEAD(, transfer) paused; /* NARs that wait for it, in turn */
	int wake_fd;		       /* readable: transfers_wakeup was called */
};

/* A header of the newest answer, or NULL; valid while the transfer is. */
const char *transfer_header(struct transfer *x, const char *name);

/* Looks at the head of an answer, once: with the first byte of a body, or at the end of
 * an empty one. Unless it leads elsewhere, the request's owner is told, and x->rc says
 * what they answered. */
void transfer_see_head(struct transfer *x);

/* One of libcurl's times, which it counts since the start of its last request. */
double transfer_seconds(const struct transfer *x, CURLINFO which);
/* How it ended, but for its rc. */
void transfer_describe(struct transfer *x, CURLcode code, struct transfer_done *d);

/* An active transfer that has stalled or timed out, with the reason in x->error; NULL if
 * there is none. libcurl's own watch does not know what waits for our limit, nor what
 * waits for a connection. */
struct transfer *transfer_find_overdue(struct transfers *t, int64_t now);

#endif
