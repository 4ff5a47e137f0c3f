/* What orders.c has seen of a dispatcher. */
#ifndef ORDERS_STATE_H
#define ORDERS_STATE_H

#include "base/byte_ranges.h"
#include "dispatch/dispatch.h"

#define CACHES_MAX	64
#define OFFERS_MAX	16
#define PARTS_MAX	256
#define ORDERS_PER_TURN 1000 /* and one a node */

struct seen_offer {
	struct dispatch_offer told;
	bool is_dead;
};

/* One of a node's files. */
struct seen_file {
	uint32_t number;
	struct dispatch_offer of;
	uint64_t size; /* as an answer said; 0: none did */
	struct byte_ranges here;
	struct byte_ranges refused; /* what is here and need not count */
};

enum node_state {
	NODE_UNTOLD,
	NODE_OPEN,
	NODE_VERIFIED,
	NODE_GIVEN_UP
};

struct seen_node {
	enum node_state state;
	bool is_closed;
	bool is_whole; /* this file of it is, and has no verdict: */
	uint32_t whole;
	struct seen_offer offers[OFFERS_MAX];
	size_t offer_count;
	struct seen_file *files;
	size_t file_count, file_cap;
};

struct seen_part {
	bool is_busy, is_stopped;
	bool was_raced; /* another part was begun for the same bytes */
	uint32_t node, cache, file;
	uint64_t from, at, end;
};

#endif
