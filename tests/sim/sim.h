/* The deciders of the transfer engine (dispatcher, health, retry), driven through a
 * virtual network in virtual time, as download.c and part.c drive them through a real
 * one. Bytes share bandwidth as a fluid does: each connection gets its fair share of its
 * own cap, its cache's and the client's link. Every promise of dispatch.h that can be
 * watched from outside is watched. Equal worlds give equal results.
 *
 * No byte exists here, so that worlds can be large: this is for how near the dispatcher
 * comes to the bound, and what it costs. What the whole engine makes of answers, right or
 * wrong, tests/simfetch shows. */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sim_mode {
	SIM_UP,
	SIM_REFUSING,  /* connections are refused, those that are there are reset */
	SIM_BLACKHOLE, /* connections are not answered, those that are there fall silent
			*/
	SIM_MUTE,      /* connections are accepted, and then nothing comes */
	SIM_BUSY,      /* new requests are answered with 503 */
};

struct sim_cache {
	int priority;
	bool local;
	bool is_known; /* its latency and rate are remembered from an earlier run */
	bool no_range;
	double latency_ms;	/* from the request to the head */
	double rate;		/* bytes a second, of all its connections; 0: no limit */
	double connection_rate; /* of one; 0: no limit */
	enum sim_mode mode;	/* at first */
	int retry_after_s;	/* said with a 503; 0: not said */
	/* Of a request, in percent. */
	double breaks, stalls, errors;
};

/* What is wrong with a source. */
enum {
	SIM_ABSENT = 1,	    /* 404 */
	SIM_LIES = 2,	    /* wrong bytes */
	SIM_MISTELLS = 4,   /* its narinfo tells another size than it has */
	SIM_UNSIZED = 8,    /* its narinfo tells none */
	SIM_LENGTHLESS = 16 /* nor does the answer's head */
};

struct sim_source {
	uint32_t cache;
	uint16_t encoding; /* sources with equal ones have the same file; 0: its own */
	uint16_t faults;
	uint64_t size;
};

struct sim_node {
	size_t source; /* the first */
	uint32_t source_count;
	uint64_t nar_size;
	double arrives_ms;
	/* The first source is the store: others are asked for only when it fails. */
	bool store_first;
};

/* Bytes of a node's file that an earlier run left. */
struct sim_present {
	uint32_t node;
	uint16_t encoding;
	bool is_wrong;
	uint64_t from, end;
};

/* From AT_MS on the cache is in this mode, and has this rate (0: as before). */
struct sim_change {
	double at_ms;
	uint32_t cache;
	enum sim_mode mode;
	double rate;
};

struct sim_world {
	uint32_t seed;
	unsigned slots, slots_per_cache, local_slots;
	uint64_t part_min;
	double link;	   /* bytes a second; 0: no limit */
	bool link_is_told; /* to the dispatcher, as the limit of all */
	double connect_timeout_ms, stall_timeout_ms;
	int64_t retry_for_ms; /* caches that went away are waited for so long; 0: not */
	/* Sources become known one by one, after their cache's latency; else all at once.
	 */
	bool has_lookups;
	struct sim_cache *caches;
	size_t cache_count;
	struct sim_node *nodes; /* by the time of their arrival */
	size_t node_count;
	struct sim_source *sources;
	size_t source_count;
	struct sim_present *present;
	size_t present_count;
	struct sim_change *changes; /* by their time */
	size_t change_count;
};

struct sim_result {
	double makespan_ms;
	size_t verified, given_up;
	size_t requests, orders, races, cuts, cancels;
	uint64_t file_bytes;  /* of what was verified */
	uint64_t bytes;	      /* that came over the network */
	uint64_t local_bytes; /* of files that came from this machine */
	uint64_t twice;	      /* that came, and were not needed */
	double decide_s;      /* time that the deciders took while it ran */
	double tell_s;	      /* and to be told of nodes and sources */
	double wall_s;
	size_t memory;	   /* of the dispatcher when all was told; 0: not measured */
	char failure[256]; /* which promise was broken; empty: none */
};

/* TRACE: every order and event goes to stderr. */
void sim_run(const struct sim_world *w, bool trace, struct sim_result *ret);

/* A worker's way through a file. */
double sim_verify_ms(uint64_t size);

/* No client can be faster than this, in milliseconds: the largest of what the links,
 * the caches that alone have some files, and the slots with their latencies take; and the
 * way of the smallest file, as the last, through a worker. */
double sim_bound(const struct sim_world *w);

/* A source that would bring the node, if its cache is asked in time. */
bool sim_is_good(const struct sim_world *w, const struct sim_source *s);

#endif
