/* A world for the engine: caches behind a network, what each has, and what goes wrong. */
#ifndef FETCH_WORLD_H
#define FETCH_WORLD_H

#include "goods.h"

#define WORLD_REFS    4
#define WORLD_CHANGES 6
#define WORLD_CACHES  8

enum net_mode {
	NET_UP,
	NET_REFUSING,  /* connections are refused, those that are there are reset */
	NET_BLACKHOLE, /* connections are not answered */
	NET_MUTE,      /* connections are accepted, and then nothing comes */
	NET_BUSY,      /* new requests are answered with 503 */
};

enum net_info {
	NET_INFO_OK,
	NET_INFO_ABSENT,
	NET_INFO_OTHER_STORE,
	NET_INFO_GARBAGE,
};

/* Only in a bulk world, but for the first. */
enum net_place {
	NET_AWAY,
	NET_DIRECTORY, /* on this machine */
	NET_STORE,     /* likewise: others are asked for what it does not have */
};

struct net_cache {
	int priority;
	enum net_info info;
	enum net_mode mode;	/* at first */
	double latency_ms;	/* from the request to the head */
	double rate;		/* bytes a second, of all its connections; 0: no limit */
	double connection_rate; /* of one; 0: no limit */
	int retry_after_s;	/* said with a 503; 0: not said */
	bool no_range, no_etag, no_length;
	double breaks, stalls, errors; /* of a request, in percent */
	bool is_known; /* its latency and rate are remembered from an earlier run */
	enum net_place place;
};

/* What is wrong with a NAR's file. */
enum {
	NAR_GONE = 1,  /* 404, whatever the narinfo says */
	NAR_MOVED = 2, /* 404; a narinfo that nobody remembers names another place */
	NAR_LIES = 4,  /* other bytes between LIES_FROM and LIES_END */
	NAR_SHORT = 8,
	NAR_LONG = 16,
	NAR_OTHER_RANGE = 32, /* than was asked for, and it says so */
};

/* What a cache has of a path. */
struct net_offer {
	bool is_there;
	enum goods_encoding encoding;
	unsigned info_faults, nar_faults;
	uint64_t lies_from, lies_end;
};

struct net_change {
	double at_ms;
	uint32_t cache;
	enum net_mode mode;
	double rate; /* 0: as before */
};

struct world_path {
	struct goods goods;
	uint32_t refs[WORLD_REFS]; /* earlier paths */
	size_t ref_count;
	bool is_target;
	/* Bytes at the beginning of its file that an earlier run left, perhaps wrong
	 * ones.
	 */
	uint64_t present;
	bool is_spoilt;
};

struct fetch_world {
	uint32_t seed;
	bool is_bulk;	/* no byte is stored, see bulk.h */
	bool is_steady; /* each answer takes the latency of its cache, not a bit more */
	double tick_ms; /* how often bytes are told to the engine, at least */
	double link;	/* bytes a second; 0: no limit */
	struct net_cache caches[WORLD_CACHES];
	size_t cache_count;
	struct world_path *paths;
	size_t path_count;
	struct net_offer *offers; /* by path, and for each by cache */
	struct net_change changes[WORLD_CHANGES];
	size_t change_count;
	/* Of the client. */
	bool no_race;
	bool stops_at_first; /* failure, instead of going on with other paths */
	size_t slots, connections;
	uint64_t limit_rate; /* 0: none */
	int64_t retry_for_ms;
	double killed_at_ms; /* it is run again after that; 0: once is enough */
};

void world_init(struct fetch_world *w, uint32_t seed, size_t caches, size_t paths);
/* The next path, which refers to earlier ones. All caches have it. */
void world_add_path(struct fetch_world *w, const struct goods_keys *k, size_t size,
		    const uint32_t *refs, size_t ref_count);
/* The same in a bulk world. */
void world_add_bulk(struct fetch_world *w, const struct goods_keys *k,
		    const uint64_t sizes[GOODS_ENCODINGS], const uint32_t *refs,
		    size_t ref_count);
struct net_offer *world_offer(const struct fetch_world *w, size_t cache, size_t path);
/* The size of its file there, if it is as it should be. */
uint64_t world_file_size(const struct fetch_world *w, size_t cache, size_t path);
void world_release(struct fetch_world *w);

/* The cache answers whatever it is asked, at all times. */
bool world_is_reliable(const struct fetch_world *w, size_t cache);
/* Nothing that it says or serves is wrong. */
bool world_is_honest(const struct fetch_world *w, size_t cache);
/* Its narinfo of the path is one that is believed. */
bool world_is_vouched(const struct net_offer *o);
/* The NAR can be had there. */
bool world_is_good(const struct net_offer *o);

/* A world in which anything may be wrong. */
void world_random(struct fetch_world *w, const struct goods_keys *k, uint32_t seed,
		  bool is_bulk);

#endif
