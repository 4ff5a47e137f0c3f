/* Shared by the files of the network: net.c has the clock and the transfers, net_serve.c
 * the servers' responses. */
#ifndef NET_STATE_H
#define NET_STATE_H

#include <sys/queue.h>

#include "base/map.h"
#include "net.h"
#include "share.h"

/* What a server sends. */
struct net_answer {
	long status;
	struct nf_slice body; /* without a pointer: bulk */
	bool is_wrong;	      /* bulk that lies */
	uint64_t from, total; /* of a range */
	bool is_range;
	bool has_ranges; /* in general */
	bool has_length;
	char etag[32]; /* or empty */
};

enum net_phase {
	NET_QUEUED, /* for a connection */
	NET_ASKED,  /* waiting for the response head, or for a time-out */
	NET_FLOWS,
	NET_SILENT, /* until the time-out */
};

struct net_transfer {
	TAILQ_ENTRY(net_transfer) link;
	struct transfer_request req;
	char *url, *if_range;
	uint32_t cache;
	char *file;    /* in it; within url */
	uint32_t path; /* UINT32_MAX: it is nix-cache-info, or nothing at all */
	enum net_phase phase;
	bool head_told, breaks, stalls;
	double began, asked, due;
	double at, stops_at; /* in the body */
	uint64_t told;
	struct buf text; /* of a generated response */
	struct net_answer answer;
	struct flow flow;
	struct nf_err err;
};

struct net {
	struct fetch_world *world;
	bool trace;
	uint32_t random;
	double now, stop_ms;
	bool was_stopped;
	TAILQ_HEAD(net_list, net_transfer) transfers;
	size_t active; /* that have a connection */
	enum net_mode modes[WORLD_CACHES];
	struct share_cache shares[WORLD_CACHES];
	struct net_counts *counts; /* as the world's offers */
	struct buf *served;	   /* likewise: files that are not as they should be */
	struct map by_hash;	   /* paths */
	unsigned greetings[WORLD_CACHES];
	size_t next_change, requests, still;
	char failure[128];
};

/* Determines what X requests. */
void net_address(struct net *n, struct net_transfer *x);
/* Determines the response of its cache, if any. */
void net_serve(struct net *n, struct net_transfer *x);

#endif
