/* Shared by the files of the dispatcher. Each uses only those before it: node.c knows
 * which bytes of each file are present, bins.c what each cache could start, speed.c how
 * fast caches and parts are, rank.c which of two caches comes first, offer.c which caches
 * can work for which node; choice.c picks the best one to start, steal.c decides which
 * bytes in progress another cache would bring sooner; assignment.c holds the parts in
 * progress. dispatch.c takes events and gives orders. */
#ifndef DISPATCH_STATE_H
#define DISPATCH_STATE_H

#include "base/byte_ranges.h"
#include "dispatch/dispatch.h"

#define NONE DISPATCH_NONE

/* Offers of a cache are binned by size: four bins per octave, from 4 KiB up. */
#define BIN_COUNT 96
/* Offers that are not due yet. */
#define BIN_LATER (2 * BIN_COUNT)

struct node {
	uint64_t nar_size;
	uint32_t offers; /* a list */
	uint32_t files;	 /* a list of files with bytes present or in progress */
	uint16_t parts;	 /* in progress */
	bool wanted, closed, whole;
	bool solo;	/* one cache at a time */
	bool is_doomed; /* in the list of nodes to give up */
	bool is_waiting;
	uint64_t offered; /* bytes that are counted in the dispatcher's total */
};

struct offer {
	uint64_t file_size;
	uint64_t file_id;
	int64_t retry_at;
	uint32_t node, cache;
	uint32_t next;		       /* list of the node */
	uint32_t bin_before, bin_next; /* list of the cache's bin */
	uint32_t gains; /* number of parts that broke off, less what their progress makes
			   up for */
	uint8_t bin;	/* BIN_NOWHERE: not on offer */
	uint8_t attempts;
	bool is_out; /* the cache is no longer used for this node */
	bool no_range;
	bool has_ranges; /* it has reported so */
	bool is_local;
};

#define BIN_NOWHERE UINT8_MAX

struct file {
	uint32_t node;
	uint32_t next;	  /* of the node, or free */
	uint32_t number;  /* number among the node's */
	uint32_t offer;	  /* one of those that serve it */
	uint32_t parts;	  /* in progress */
	uint64_t size;	  /* 0: unknown */
	bool is_measured; /* a response reported the size; before, it is from a narinfo */
	struct byte_ranges holes; /* neither present nor in progress */
	uint32_t brought_by;	  /* the cache that brought everything so far */
	bool brought_by_several;  /* or an earlier run did */
};

/* Bytes over time, in windows of at least METER_WINDOW_MS. */
struct meter {
	int64_t since;	/* start of the window */
	uint64_t bytes; /* bytes in it */
	uint64_t rate;	/* average per second; 0: unknown */
};

struct assignment {
	bool is_active;
	bool is_cancelled; /* the order has not been given yet */
	bool is_flowing;   /* its response head has arrived */
	uint32_t node, file, offer, cache;
	uint32_t twin; /* the part that races it for the same bytes */
	uint32_t next; /* free */
	uint64_t from, at, end;
	uint64_t raced_to; /* bytes up to there were brought by a race that broke off */
	int64_t started;
	struct meter meter;
	uint64_t left; /* bytes that are counted in the cache's backlog */
};

struct supplier {
	struct dispatch_cache facts;
	enum dispatch_state state;
	unsigned active;  /* parts in progress */
	unsigned flowing; /* those whose head has arrived */
	struct meter meter;
	bool is_measured;   /* in this run */
	int64_t latency_ms; /* until the head of a response; as far as it is known */
	/* Maximum number of parts at which it may get one more of a file that it already
	 * serves; its rate with half as many, and when trying so many began (0: not). */
	unsigned own_parts;
	uint64_t own_rate;
	int64_t own_since;
	uint64_t backlog; /* bytes that its parts have yet to bring */
	bool is_counted;  /* index among the dispatcher's usable ones, */
	bool is_offering; /* among those that have offers, */
	uint64_t counted; /* and, with this rate, among those of known rate */
	uint32_t heap_at; /* NONE if not ready */
	uint32_t bins[BIN_LATER + 1];
	uint64_t filled[2][2]; /* one bit per nonempty bin */
};

/* Caches that could be used now, the best on top. Of the network caches only the idle
 * ones, because how long the others will be busy changes constantly. */
struct ready {
	uint32_t *ids;
	size_t len, cap;
};

struct timer {
	int64_t at;
	uint32_t offer;
};

struct list {
	uint32_t *ids;
	size_t len, cap;
};

struct dispatch {
	struct dispatch_options opts;
	int64_t now;	/* as last reported */
	uint64_t limit; /* bytes per second, of all caches; 0: no limit */
	struct node *nodes;
	size_t node_count, node_cap;
	struct offer *offers;
	size_t offer_count, offer_cap;
	uint32_t free_offer;
	struct file *files;
	size_t file_count, file_cap;
	uint32_t free_file;
	struct assignment *parts;
	size_t part_count, part_cap;
	uint32_t free_part;
	struct supplier *caches;
	size_t cache_count;
	struct ready ready[2]; /* for the network, for this machine */
	unsigned active[2];
	struct timer *timers; /* a heap; entries may be stale */
	size_t timer_len, timer_cap;
	struct list cancelled; /* number of parts */
	struct list doomed;    /* number of nodes */
	size_t waiting;
	int64_t all_ms;	      /* time until everything has arrived, at the last look */
	unsigned usable;      /* number of network caches */
	unsigned offering;    /* those that have something to start */
	uint64_t offered;     /* bytes on offer, counted once per node */
	uint64_t known_rates; /* sum over all network caches of known rate, */
	unsigned known_count; /* and their number */
};

/* ---- node.c: nodes, their files, the missing ranges ---- */

struct node *node_get(struct dispatch *d, uint32_t node);
/* The assumed size of a file whose size nobody reports. */
uint64_t node_guess(const struct node *n);
/* Updates the number of waiting nodes. */
void node_recount(struct dispatch *d, struct node *n);
bool node_same_file(const struct offer *a, const struct offer *b);
/* The file that the offer serves, if bytes of it are present; or NONE. */
uint32_t node_file(const struct dispatch *d, const struct node *n, uint32_t offer);
uint32_t file_new(struct dispatch *d, uint32_t node, uint32_t offer);
/* Forgets it; no part of it may be in progress. */
void file_drop(struct dispatch *d, uint32_t file);
/* Bytes that are neither present nor in progress; an estimate if the size is unknown. */
uint64_t file_missing(const struct dispatch *d, const struct file *f);
void file_brought_by(struct file *f, uint32_t cache);
/* Bytes that the offer would have to bring. */
uint64_t node_missing(const struct dispatch *d, uint32_t offer);

/* ---- bins.c: what each cache could start now, by size ---- */

/* The bin for offers of that size. */
unsigned bins_of(uint64_t size);
void bins_put(struct dispatch *d, uint32_t offer, unsigned bin);
void bins_take(struct dispatch *d, uint32_t offer);
bool bins_have_any(const struct supplier *c);
/* The largest offer that no other cache has, or else the largest of at most MOST bytes; a
 * offer, or NONE. */
uint32_t bins_largest(const struct supplier *c, uint64_t most);

/* ---- offer.c: which caches can work for which node ---- */

/* Offers the missing bytes of the node to the caches that have it, or withdraws the
 * offers if nothing is missing; a node that no cache can complete is doomed. */
void offer_node(struct dispatch *d, uint32_t node);
void offer_take_away(struct dispatch *d, uint32_t node);
/* The cache changed: updates its place among the ready caches. */
void offer_cache(struct dispatch *d, uint32_t cache);
/* Removes all offers of the cache, which is gone. */
void offer_gone(struct dispatch *d, uint32_t cache);
/* Activates the offers that have become due. */
void offer_due(struct dispatch *d);
int64_t offer_next_due(const struct dispatch *d);
bool offer_has_room(const struct dispatch *d, const struct supplier *c);
bool offer_is_ready(const struct dispatch *d, const struct supplier *c);
/* Whether the cache may be used for the node now; ever. */
bool offer_is_alive(const struct dispatch *d, const struct offer *s);

/* ---- rank.c ---- */

/* Which of two idle caches is used first. */
bool rank_comes_first(const struct dispatch *d, const struct supplier *a,
		      const struct supplier *b);
/* How much the cache should bring: nothing that all others together could bring sooner;
 * little if it is one of many of unknown speed. */
uint64_t rank_most_bytes(const struct dispatch *d, const struct supplier *c);

/* ---- resize.c ---- */

/* The file has another size (0: unknown) than assumed: missing bytes, and bytes in
 * progress as PART, that end at the old end are extended to the new one. False, with
 * nothing changed, if bytes beyond the new end are present. */
bool resize_file(struct dispatch *d, uint32_t file, uint32_t part, uint64_t size);

/* ---- assignment.c ---- */

/* The offer's cache is asked for RANGE of the file; returns the part's number. */
uint32_t assignment_new(struct dispatch *d, uint32_t offer, uint32_t file,
			struct byte_range range);
/* It no longer counts; its number is free once the caller knows. */
void assignment_stop(struct dispatch *d, struct assignment *p);
void assignment_free(struct dispatch *d, uint32_t part);
/* It must be cancelled. */
void assignment_cancel(struct dispatch *d, uint32_t part);

/* ---- choice.c ---- */

/* What to start next from the network (0) or from this machine (1): an offer, or NONE. */
uint32_t choice_best(struct dispatch *d, unsigned where);

/* ---- steal.c ---- */

/* What to take from a part in progress. */
struct steal {
	uint32_t part;
	uint32_t offer; /* of the cache that takes it */
	uint64_t from;	/* the cut; or where a race for the same bytes begins */
	bool is_race;
	bool is_other_file;
};

/* False if nothing would arrive notably sooner. */
bool steal_find(struct dispatch *d, struct steal *ret);

/* ---- speed.c ---- */

#define METER_WINDOW_MS 250
/* Connections for one file until it is known whether more help. */
#define OWN_PARTS_FIRST 4

void speed_init(struct supplier *c);
/* Updates the sums over all caches. */
void speed_recount(struct dispatch *d, struct supplier *c);
void speed_part_begins(struct dispatch *d, struct assignment *p);
void speed_part_flows(struct dispatch *d, struct assignment *p);
void speed_part_bytes(struct dispatch *d, struct assignment *p, uint64_t n);
/* The part's end has moved. */
void speed_part_resized(struct dispatch *d, struct assignment *p);
void speed_part_over(struct dispatch *d, struct assignment *p);
/* The cache was asked for one more part of a file that it already serves. */
void speed_own_cut(struct dispatch *d, struct supplier *c);

/* Bytes per second; a guess if unknown. Never 0. */
uint64_t speed_of_cache(const struct dispatch *d, const struct supplier *c);
bool speed_is_known(const struct supplier *c);
/* Rate of a part that has data flowing, silence included; may be 0. */
uint64_t speed_of_part(const struct dispatch *d, const struct assignment *p);
/* Time until the part is complete; SPEED_NEVER if nothing arrives. */
#define SPEED_NEVER (INT64_MAX / 4)
int64_t speed_part_ms(const struct dispatch *d, const struct assignment *p);
/* Time until the cache has brought everything that it was asked for. */
int64_t speed_backlog_ms(const struct dispatch *d, const struct supplier *c);
int64_t speed_ms(uint64_t bytes, uint64_t rate);
/* Updates all_ms, the time that everything still takes if nothing changes. */
void speed_look_ahead(struct dispatch *d);

#endif
