/* What the files of the dispatcher share. Each uses those before it: node.c knows what of
 * each node is here, bins.c what each cache could start, speed.c how fast caches and
 * parts are, rank.c which of two caches comes first, offer.c which caches can do what for
 * whom; choice.c knows which of it is best to start, steal.c what of that which is under
 * way another cache would bring sooner; assignment.c has what is under way. dispatch.c
 * takes events and gives orders. */
#ifndef DISPATCH_STATE_H
#define DISPATCH_STATE_H

#include "base/runs.h"
#include "dispatch/dispatch.h"

#define NONE DISPATCH_NONE

/* Offers of a cache are kept by size: four classes an octave, from 4 KiB up. */
#define BIN_COUNT 96
/* Those that wait for their time. */
#define BIN_LATER (2 * BIN_COUNT)

struct node {
	uint64_t nar_size;
	uint32_t sources; /* a list */
	uint32_t files;	  /* a list, of those of which something is here or under way */
	uint16_t parts;	  /* under way */
	bool wanted, closed, whole;
	bool solo;	/* one cache at a time */
	bool is_doomed; /* in the list of those to be given up */
	bool is_waiting;
	uint64_t offered; /* bytes that are counted in the dispatcher's */
};

struct source {
	uint64_t file_size;
	uint64_t file_id;
	int64_t retry_at;
	uint32_t node, cache;
	uint32_t next;		       /* of the node */
	uint32_t bin_before, bin_next; /* of the cache's bin */
	uint32_t gains; /* of parts that broke off, as far as they were worth it */
	uint8_t bin;	/* BIN_NOWHERE: it is not on offer */
	uint8_t attempts;
	bool is_out; /* the cache is not asked for this node again */
	bool no_range;
	bool has_ranges; /* it said so */
	bool is_local;
};

#define BIN_NOWHERE UINT8_MAX

struct file {
	uint32_t node;
	uint32_t next;	   /* of the node, or free */
	uint32_t number;   /* among the node's */
	uint32_t source;   /* one of those that serve it */
	uint32_t parts;	   /* under way */
	uint64_t size;	   /* 0: unknown */
	bool is_measured;  /* an answer said the size; before, it is what a cache told */
	struct runs holes; /* neither here nor under way */
	uint32_t by;	   /* the cache that all came from, so far */
	bool by_several;   /* or from an earlier run */
};

/* Bytes over time, in windows of at least METER_WINDOW_MS. */
struct meter {
	int64_t since;	/* the beginning of the window */
	uint64_t bytes; /* in it */
	uint64_t rate;	/* a second, so far; 0: unknown */
};

struct assignment {
	bool is_active;
	bool is_cancelled; /* the order is still to be given */
	bool is_flowing;   /* its head has come */
	uint32_t node, file, source, cache;
	uint32_t twin; /* a race for the same bytes */
	uint32_t next; /* free */
	uint64_t from, at, end;
	uint64_t raced_to; /* what is here up to there came by a race that broke */
	int64_t started;
	struct meter meter;
	uint64_t left; /* bytes that are counted in the cache's backlog */
};

struct supplier {
	struct dispatch_cache facts;
	enum dispatch_state state;
	unsigned active;  /* parts */
	unsigned flowing; /* of these, whose head has come */
	struct meter meter;
	bool is_measured;   /* in this run */
	int64_t latency_ms; /* to an answer's head; as far as it is known */
	/* Parts up to which it may be asked for more of a file that it brings already;
	 * its rate when there were half as many, and since when so many are tried (0:
	 * not). */
	unsigned own_parts;
	uint64_t own_rate;
	int64_t own_since;
	uint64_t backlog; /* bytes that its parts have still to bring */
	bool is_counted;  /* among the dispatcher's usable ones, */
	bool is_offering; /* and among those that have offers, */
	uint64_t counted; /* and with this rate among the known */
	uint32_t heap_at; /* NONE: it is not ready */
	uint32_t bins[BIN_LATER + 1];
	uint64_t filled[2][2]; /* a bit a bin that is not empty */
};

/* Caches that could be asked now, the best on top. Of those of the network only the idle
 * ones: how long the others will be busy changes all the time. */
struct ready {
	uint32_t *ids;
	size_t len, cap;
};

struct timer {
	int64_t at;
	uint32_t source;
};

struct list {
	uint32_t *ids;
	size_t len, cap;
};

struct dispatch {
	struct dispatch_options opts;
	int64_t now;	/* as last told */
	uint64_t limit; /* bytes a second, of all; 0: none */
	struct node *nodes;
	size_t node_count, node_cap;
	struct source *sources;
	size_t source_count, source_cap;
	uint32_t free_source;
	struct file *files;
	size_t file_count, file_cap;
	uint32_t free_file;
	struct assignment *parts;
	size_t part_count, part_cap;
	uint32_t free_part;
	struct supplier *caches;
	size_t cache_count;
	struct ready ready[2]; /* of the network, of this machine */
	unsigned active[2];
	struct timer *timers; /* a heap; entries may be stale */
	size_t timer_len, timer_cap;
	struct list cancelled; /* parts */
	struct list doomed;    /* nodes */
	size_t waiting;
	int64_t all_ms;	      /* until all is here, as of the last look */
	unsigned usable;      /* caches of the network */
	unsigned offering;    /* of these, that have something to start */
	uint64_t offered;     /* bytes on offer, each node's once */
	uint64_t known_rates; /* of all caches of the network whose rate is known, */
	unsigned known_count; /* and how many these are */
};

/* ---- node.c: nodes, their files, the runs that are missing ---- */

struct node *node_get(struct dispatch *d, uint32_t node);
/* The size of a file of which nobody tells it. */
uint64_t node_guess(const struct node *n);
/* Brings the count of those that wait up to date. */
void node_recount(struct dispatch *d, struct node *n);
bool node_same_file(const struct source *a, const struct source *b);
/* The node's file that the source serves, if something of it is here; or NONE. */
uint32_t node_file(const struct dispatch *d, const struct node *n, uint32_t source);
uint32_t file_new(struct dispatch *d, uint32_t node, uint32_t source);
/* Forgets it; nothing of it may be under way. */
void file_drop(struct dispatch *d, uint32_t file);
/* Bytes that are neither here nor under way; an estimate where the size is unknown. */
uint64_t file_missing(const struct dispatch *d, const struct file *f);
void file_brought_by(struct file *f, uint32_t cache);
/* Bytes that the source would have to bring. */
uint64_t node_missing(const struct dispatch *d, uint32_t source);

/* ---- bins.c: what each cache could start now, by size ---- */

/* The bin of offers of so many bytes. */
unsigned bins_of(uint64_t size);
void bins_put(struct dispatch *d, uint32_t source, unsigned bin);
void bins_take(struct dispatch *d, uint32_t source);
bool bins_have_any(const struct supplier *c);
/* The largest offer that no other cache has, or else the largest of at most MOST bytes; a
 * source, or NONE. */
uint32_t bins_largest(const struct supplier *c, uint64_t most);

/* ---- offer.c: what each cache could do now ---- */

/* Puts what is missing of the node on offer at the caches that have it, or takes it away
 * where nothing is missing; a node without hope is doomed. */
void offer_node(struct dispatch *d, uint32_t node);
void offer_take_away(struct dispatch *d, uint32_t node);
/* The cache changed: it becomes ready, or moves among those that are, or is not any more.
 */
void offer_cache(struct dispatch *d, uint32_t cache);
/* Takes away all that waits at the cache, which is gone. */
void offer_gone(struct dispatch *d, uint32_t cache);
/* Offers whose time has come. */
void offer_due(struct dispatch *d);
int64_t offer_next_due(const struct dispatch *d);
bool offer_has_room(const struct dispatch *d, const struct supplier *c);
bool offer_is_ready(const struct dispatch *d, const struct supplier *c);
/* Whether the node may be asked for there, now and ever. */
bool offer_is_alive(const struct dispatch *d, const struct source *s);

/* ---- rank.c ---- */

/* Which of two caches is asked first, both being idle. */
bool rank_comes_first(const struct dispatch *d, const struct supplier *a,
		      const struct supplier *b);
/* What the cache should bring: nothing that all others together would be done before; as
 * one of many, of which nothing is known, not much. */
uint64_t rank_most_bytes(const struct dispatch *d, const struct supplier *c);

/* ---- resize.c ---- */

/* The file has another size (0: unknown) than was thought; what ends at the old end and
 * is under way as PART, or missing, goes on to the new one. False, and nothing is
 * changed, if bytes beyond the new end are here. */
bool resize_file(struct dispatch *d, uint32_t file, uint32_t part, uint64_t size);

/* ---- assignment.c ---- */

/* The source's cache is asked for RUN of the file; returns the part's number. */
uint32_t assignment_new(struct dispatch *d, uint32_t source, uint32_t file,
			struct run run);
/* It does not count any more; its number is free when the caller knows. */
void assignment_stop(struct dispatch *d, struct assignment *p);
void assignment_free(struct dispatch *d, uint32_t part);
/* It is to be cancelled. */
void assignment_cancel(struct dispatch *d, uint32_t part);

/* ---- choice.c ---- */

/* What to start next on the network (0) or on this machine (1): a source, or NONE. */
uint32_t choice_best(struct dispatch *d, unsigned where);

/* ---- steal.c ---- */

/* What to take from a part that is under way. */
struct steal {
	uint32_t part;
	uint32_t source; /* of the cache that takes */
	uint64_t from;	 /* the cut; or where a race for the same bytes begins */
	bool is_race;
	bool is_other_file;
};

/* False if nothing would come notably sooner. */
bool steal_find(struct dispatch *d, struct steal *ret);

/* ---- speed.c ---- */

#define METER_WINDOW_MS 250
/* Connections for one file, before it is known whether more help. */
#define OWN_PARTS_FIRST 4

void speed_init(struct supplier *c);
/* Brings the sums over all caches up to date. */
void speed_recount(struct dispatch *d, struct supplier *c);
void speed_part_begins(struct dispatch *d, struct assignment *p);
void speed_part_flows(struct dispatch *d, struct assignment *p);
void speed_part_bytes(struct dispatch *d, struct assignment *p, uint64_t n);
/* It ends elsewhere now. */
void speed_part_resized(struct dispatch *d, struct assignment *p);
void speed_part_over(struct dispatch *d, struct assignment *p);
/* The cache was asked for one more part of a file that it brings already. */
void speed_own_cut(struct dispatch *d, struct supplier *c);

/* Bytes a second; a guess where nothing is known. Never 0. */
uint64_t speed_of_cache(const struct dispatch *d, const struct supplier *c);
bool speed_is_known(const struct supplier *c);
/* Of a part that flows, silence included; may be 0. */
uint64_t speed_of_part(const struct dispatch *d, const struct assignment *p);
/* Until the part is through; SPEED_NEVER where nothing comes. */
#define SPEED_NEVER (INT64_MAX / 4)
int64_t speed_part_ms(const struct dispatch *d, const struct assignment *p);
/* Until the cache is through with all that is asked of it. */
int64_t speed_backlog_ms(const struct dispatch *d, const struct supplier *c);
int64_t speed_ms(uint64_t bytes, uint64_t rate);
/* The time that all that is wanted will still take, if nothing changes: all_ms, as of
 * now. */
void speed_look_ahead(struct dispatch *d);

#endif
