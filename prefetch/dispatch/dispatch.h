/* Decides what to transfer next, from where, and in which pieces. Pure: it takes events
 * with their time and returns orders; it knows neither sockets nor files. Times are
 * milliseconds of a monotonic clock; bytes are those of the files that caches serve
 * (compressed NARs).
 *
 * A node's file arrives in parts: byte ranges [from, end) from one cache. At first there
 * is one part, to the end. While a part runs it may be cut: the bytes after the cut
 * become another part, from the same cache or from another one that has the same file. A
 * part may also be raced: a second part fetches its bytes, or another file of the node;
 * the first to finish cancels the other.
 *
 * Caches may serve different files for one node (different compression): offers with
 * equal file_id share one file, any other offer has its own. A part belongs to the file
 * of its cache. */
#ifndef DISPATCH_H
#define DISPATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

#define DISPATCH_NONE	UINT32_MAX
#define DISPATCH_TO_END UINT64_MAX
#define DISPATCH_NEVER	INT64_MAX

struct dispatch_options {
	unsigned slots;		  /* maximum number of network parts in progress */
	unsigned slots_per_cache; /* maximum of these from one cache */
	unsigned local_slots; /* maximum number of parts in progress from this machine */
	uint64_t part_min;    /* a cut makes no part smaller than this */
	bool no_race; /* no byte is requested twice: parts are neither cut nor raced */
};

struct dispatch;

struct dispatch *dispatch_new(const struct dispatch_options *o);
void dispatch_free(struct dispatch *d);
DEFINE_CLEANUP(struct dispatch *, dispatch_free)

/* ---- caches, numbered by the caller from 0 ---- */

struct dispatch_cache {
	int priority; /* lower is preferred, where nothing else decides */
	/* No network: it has its own slots and serves whole files only. Used before all
	 * network caches, unless one of them that has the node has a better priority. */
	bool local;
	uint32_t latency_us; /* from the history; 0: unknown */
	uint64_t throughput; /* bytes per second; 0: unknown: will be measured */
};

enum dispatch_state {
	DISPATCH_USABLE, /* the initial state */
	DISPATCH_PAUSED, /* not used for now; may become usable again */
	DISPATCH_TRIAL, /* one part at a time: it failed, and must show that it is back */
	DISPATCH_GONE,	/* for good: nodes that only it has are given up */
};

/* Call it before anything else concerns the cache. */
void dispatch_set_cache(struct dispatch *d, uint32_t cache,
			const struct dispatch_cache *facts);
/* In any state, its parts in progress continue. */
void dispatch_set_state(struct dispatch *d, uint32_t cache, enum dispatch_state state);

/* All caches together should not bring more than RATE bytes per second (0: no limit).
 * When the limit is reached, parts are not helped. */
void dispatch_set_limit(struct dispatch *d, uint64_t rate);

/* ---- nodes ---- */

/* The file that a cache serves for a node. */
struct dispatch_offer {
	uint32_t cache;
	uint64_t file_size; /* as reported; 0: unknown */
	uint64_t file_id;   /* of the file that it serves; 0: unknown */
};

/* Adds a NAR to be fetched. Its offers are added before or after, until dispatch_closed.
 * Called after dispatch_closed, it opens the node for offers again. */
void dispatch_want(struct dispatch *d, uint32_t node, uint64_t nar_size);
/* One per cache and node. A second one is ignored, unless the cache is no longer used for
 * the node: then the new offer replaces the old. */
void dispatch_add_offer(struct dispatch *d, uint32_t node,
			const struct dispatch_offer *s);
/* No more offers will be added. */
void dispatch_closed(struct dispatch *d, uint32_t node);

/* ---- orders ---- */

enum dispatch_act {
	DISPATCH_WAIT,	 /* nothing for now; ask again after an event, or at DUE */
	DISPATCH_START,	 /* PART: [from, end) of NODE from CACHE */
	DISPATCH_CANCEL, /* cancel PART: another one has brought its bytes. Report nothing
			    more about it */
	DISPATCH_GIVE_UP, /* NODE has no offer left; it is dropped */
};

struct dispatch_order {
	enum dispatch_act act;
	uint32_t part; /* numbers are reused after the end of a part */
	uint32_t node;
	uint32_t cache;
	/* Which of the node's files the part belongs to; parts with equal numbers share
	 * the bytes that are present. A cache that no longer shares (DISPATCH_NO_RANGE,
	 * one cache at a time) has a file with its own number. */
	uint32_t file;
	uint64_t from, end; /* DISPATCH_TO_END if unknown or unlimited */
	/* The first part of a file: nothing of it has arrived before, or what did no
	 * longer counts. Report bytes from an earlier run now (dispatch_present). */
	bool fresh;
	/* This part, in progress, now ends at FROM: drop its bytes beyond, and stop it
	 * there. Or DISPATCH_NONE. */
	uint32_t cut;
	bool is_race; /* another part fetches the same bytes, or another file of the node
		       */
	int64_t due;  /* with WAIT; DISPATCH_NEVER: only an event changes anything */
};

void dispatch_next(struct dispatch *d, int64_t now, struct dispatch_order *ret);

/* ---- events ---- */

/* Call it for a DISPATCH_START with is_fresh, before its first byte, for each range of
 * the file that an earlier run has left. The part shrinks to the first missing range (see
 * dispatch_part_range; other runs are ordered separately), or to nothing: then end it
 * with DISPATCH_CAME at once. */
void dispatch_present(struct dispatch *d, uint32_t part, uint64_t from, uint64_t end);
void dispatch_part_range(const struct dispatch *d, uint32_t part, uint64_t *ret_from,
			 uint64_t *ret_end);

/* The head of the response arrived. SIZE of the whole file (0: not reported;
 * DISPATCH_TO_END: the whole file follows, and its size is not reported); RANGES: this
 * cache serves byte ranges of it. This may move the end of the part, and of others of the
 * file. False if an earlier response, or what is present, belongs to a file of another
 * size: this cache then does not share it, and the part must end with
 * DISPATCH_NO_RANGE. */
bool dispatch_part_head(struct dispatch *d, uint32_t part, uint64_t size, bool ranges,
			int64_t now);
/* The size of the part's file as far as it is known; 0: unknown. */
uint64_t dispatch_part_size(const struct dispatch *d, uint32_t part);
/* N more bytes were kept; never beyond the part's end. */
void dispatch_part_bytes(struct dispatch *d, uint32_t part, uint64_t n, int64_t now);

enum dispatch_end {
	DISPATCH_CAME,	/* all of it, up to its end or that of the file */
	DISPATCH_BROKE, /* missing bytes are wanted again; this cache may be used for this
			   node again at RETRY_AT, or never (DISPATCH_NEVER) */
	DISPATCH_REFUSED, /* this cache does not have this node, or serves something else:
			     what the part brought does not count */
	DISPATCH_NO_RANGE, /* it responded with the whole file: from now on it is only
			      asked for the whole file of this node, which it shares with
			      no other cache */
};

/* RETRY_AT is only used with DISPATCH_BROKE. */
void dispatch_part_end(struct dispatch *d, uint32_t part, enum dispatch_end how,
		       int64_t retry_at, int64_t now);

/* Consecutive failures of this cache for this node with less than DISPATCH_GAIN bytes of
 * progress each. Progress stops counting once it exceeds twice the file's size. */
#define DISPATCH_GAIN 65536
unsigned dispatch_part_attempts(const struct dispatch *d, uint32_t part);

/* True if no byte of a file of the node is missing. Call it after DISPATCH_CAME, and
 * after DISPATCH_BROKE, which may follow the last byte; the file is that of the part. */
bool dispatch_is_whole(const struct dispatch *d, uint32_t node);

/* The verdict on a whole file. Good: the node is done. Bad: discard the bytes; the file
 * is wanted again. If one cache brought all of them, it is returned and never used for
 * this node again. If several did, or earlier runs, returns DISPATCH_NONE: from now on
 * the node is fetched from one cache at a time, which shows who lied. */
void dispatch_verified(struct dispatch *d, uint32_t node);
uint32_t dispatch_spoilt(struct dispatch *d, uint32_t node);

/* Number of nodes that are wanted, incomplete and without a part in progress. */
size_t dispatch_waiting(const struct dispatch *d);

#endif
