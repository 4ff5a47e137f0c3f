/* A world for the engine: caches behind a network, what each has, and its faults. */
#ifndef FETCH_WORLD_H
#define FETCH_WORLD_H

#include "goods.h"

#define WORLD_REFS    4
#define WORLD_CHANGES 6
#define WORLD_CACHES  8

enum net_mode {
	NET_UP,
	NET_REFUSING,  /* connections are refused, open ones are reset */
	NET_BLACKHOLE, /* connections are not answered */
	NET_MUTE,      /* connections are accepted, but nothing is sent */
	NET_BUSY,      /* new requests get a 503 */
};

enum net_info {
	NET_INFO_OK,
	NET_INFO_ABSENT,
	NET_INFO_OTHER_STORE,
	NET_INFO_GARBAGE,
};

/* Only in a bulk world, except for the first. */
enum net_place {
	NET_AWAY,
	NET_DIRECTORY, /* on this machine */
	NET_STORE,     /* likewise: for what it lacks, others are queried */
};

struct net_cache {
	int priority;
	enum net_info info;
	enum net_mode mode; /* at first */
	double latency_ms;  /* from the request to the response head */
	double rate;	    /* bytes per second, for all its connections; 0: no limit */
	double connection_rate; /* for one connection; 0: no limit */
	int retry_after_s;	/* sent with a 503; 0: none */
	bool no_range, no_etag, no_length;
	double breaks, stalls, errors; /* of a request, in percent */
	bool is_known;		       /* the history has its latency and rate */
	enum net_place place;
};

/* The fault of a NAR's file. */
enum {
	NAR_GONE = 1, /* 404, whatever the narinfo says */
	NAR_MOVED =
		2,    /* 404; a narinfo that bypasses proxies' caches names another URL */
	NAR_LIES = 4, /* wrong bytes between LIES_FROM and LIES_END */
	NAR_SHORT = 8,
	NAR_LONG = 16,
	NAR_OTHER_RANGE = 32, /* than requested, and it says so */
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
	double rate; /* 0: unchanged */
};

struct world_path {
	struct goods goods;
	uint32_t refs[WORLD_REFS]; /* earlier paths */
	size_t ref_count;
	bool is_target;
	/* Bytes at the beginning of its file that an earlier run left, possibly wrong
	 * ones. */
	uint64_t present;
	bool is_spoilt;
};

struct fetch_world {
	uint32_t seed;
	bool is_bulk;	/* no byte is stored, see bulk.h */
	bool is_steady; /* each response takes exactly the latency of its cache */
	double tick_ms; /* bytes are reported to the engine at least this often */
	double link;	/* bytes per second; 0: no limit */
	struct net_cache caches[WORLD_CACHES];
	size_t cache_count;
	struct world_path *paths;
	size_t path_count;
	struct net_offer *offers; /* by path, and for each by cache */
	struct net_change changes[WORLD_CHANGES];
	size_t change_count;
	/* The client. */
	bool no_race;
	bool stops_at_first; /* failure, instead of continuing with other paths */
	size_t slots, connections;
	uint64_t limit_rate; /* 0: never */
	int64_t retry_for_ms;
	double killed_at_ms; /* it is run again after that; 0: only once */
};

void world_init(struct fetch_world *w, uint32_t seed, size_t caches, size_t paths);
/* Adds a path, which refers to earlier ones. All caches have it. */
void world_add_path(struct fetch_world *w, const struct goods_keys *k, size_t size,
		    const uint32_t *refs, size_t ref_count);
/* The same in a bulk world. */
void world_add_bulk(struct fetch_world *w, const struct goods_keys *k,
		    const uint64_t sizes[GOODS_ENCODINGS], const uint32_t *refs,
		    size_t ref_count);
struct net_offer *world_offer(const struct fetch_world *w, size_t cache, size_t path);
/* The size of its file there, if the file has no fault. */
uint64_t world_file_size(const struct fetch_world *w, size_t cache, size_t path);
void world_release(struct fetch_world *w);

/* A world of paths each of which refers to the one before it; the last is requested. */
void world_chain(struct fetch_world *w, const struct goods_keys *k, size_t caches,
		 size_t count, size_t size);
/* The cache's faults, INFO_... and NAR_..., for all paths. */
void world_set_faults(struct fetch_world *w, size_t cache, unsigned info, unsigned nar);
/* Of all caches, in bytes per second. */
void world_set_rates(struct fetch_world *w, double rate);
void world_add_change(struct fetch_world *w, double at_ms, uint32_t cache,
		      enum net_mode mode);

/* The cache answers every request, at all times. */
bool world_is_reliable(const struct fetch_world *w, size_t cache);
/* Nothing that it says or serves is wrong. */
bool world_is_honest(const struct fetch_world *w, size_t cache);
/* Its narinfo of the path is trusted. */
bool world_is_vouched(const struct net_offer *o);
/* It can supply the NAR. */
bool world_is_good(const struct net_offer *o);

/* A world with any kind of fault. */
void world_random(struct fetch_world *w, const struct goods_keys *k, uint32_t seed,
		  bool is_bulk);

#endif
