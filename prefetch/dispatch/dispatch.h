/* What to transfer next, from where, and in which pieces. Pure: it is told what happens
 * and when, and says what to do; it knows neither sockets nor files. Times are
 * milliseconds of a monotonic clock; bytes are those of the files that caches serve
 * (compressed NARs).
 *
 * A node's file comes in parts: runs of bytes [from, end) of one cache. At first there is
 * one part, to the end. While it runs it may be cut: what lies after the cut becomes a
 * part of its own, from the same cache or from another one that has the same file. It may
 * be raced: a second part for its bytes, or for another file of the node; the first to
 * arrive ends the other.
 *
 * Caches may serve different files of one node (other compression): sources with equal
 * file_id share one file, any other source has a file of its own. A part belongs to the
 * file of its cache. */
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
	unsigned slots;		  /* parts under way from the network, at most */
	unsigned slots_per_cache; /* of these, from one cache */
	unsigned local_slots;	  /* parts under way from caches on this machine */
	uint64_t part_min;	  /* no part is made smaller than this by a cut */
	bool no_race; /* no byte is asked for twice: no part is cut or raced */
};

struct dispatch;

struct dispatch *dispatch_new(const struct dispatch_options *o);
void dispatch_free(struct dispatch *d);
DEFINE_CLEANUP(struct dispatch *, dispatch_free)

/* ---- caches, numbered by the caller from 0 ---- */

struct dispatch_cache {
	int priority; /* lower first, where nothing else decides */
	/* No network: slots of its own, whole files only. Taken before all caches of the
	 * network, unless one of them that has the node comes first by priority. */
	bool local;
	uint32_t latency_us; /* remembered from earlier runs; 0: unknown */
	uint64_t throughput; /* bytes a second; 0: unknown: it will be sampled */
};

enum dispatch_state {
	DISPATCH_USABLE, /* as every cache is at first */
	DISPATCH_PAUSED, /* nothing new is asked of it; it may become usable again */
	DISPATCH_TRIAL,	 /* one part at a time: it failed, and shows whether it is back */
	DISPATCH_GONE,	 /* for good: what waits for it alone is given up */
};

/* Before anything else is said of the cache. */
void dispatch_set_cache(struct dispatch *d, uint32_t cache,
			const struct dispatch_cache *facts);
/* Parts that are under way from it run on, whatever the state. */
void dispatch_set_state(struct dispatch *d, uint32_t cache, enum dispatch_state state);

/* All caches together are not to bring more than RATE bytes a second (0: no limit): where
 * that is reached, no part is helped. */
void dispatch_set_limit(struct dispatch *d, uint64_t rate);

/* ---- nodes ---- */

struct dispatch_source {
	uint32_t cache;
	uint64_t file_size; /* as it is told; 0: unknown */
	uint64_t file_id;   /* of the file that it serves; 0: unknown */
};

/* A NAR is wanted. Its sources come before or after, until dispatch_closed. After a
 * dispatch_closed, this opens the node for sources again. */
void dispatch_want(struct dispatch *d, uint32_t node, uint64_t nar_size);
/* One a cache and node; of more, the first counts, until the cache is not to be asked for
 * the node any more: then it is, for what is told now. */
void dispatch_add_source(struct dispatch *d, uint32_t node,
			 const struct dispatch_source *s);
/* No more sources will come. */
void dispatch_closed(struct dispatch *d, uint32_t node);

/* ---- what to do ---- */

enum dispatch_act {
	DISPATCH_WAIT,	  /* nothing now; ask again after an event, or at DUE */
	DISPATCH_START,	  /* PART: [from, end) of NODE from CACHE */
	DISPATCH_CANCEL,  /* PART is over: another one has brought its bytes. Nothing more
			     is  to be said of it */
	DISPATCH_GIVE_UP, /* NODE has no source left; it is no longer wanted */
};

struct dispatch_order {
	enum dispatch_act act;
	uint32_t part; /* numbers are used again after a part's end */
	uint32_t node;
	uint32_t cache;
	/* Which of the node's files the part belongs to; parts with equal ones share what
	 * is here. A cache that no longer shares (DISPATCH_NO_RANGE, one cache at a time)
	 * has a file with a number of its own. */
	uint32_t file;
	uint64_t from, end; /* DISPATCH_TO_END where it is not known or not limited */
	/* The first part of a file: nothing of it came before, or what came does not
	 * count any more. Bytes from an earlier run are told now (dispatch_present). */
	bool fresh;
	/* This part, under way, now ends at FROM: what it gets beyond is to be dropped,
	 * and it has come when it gets there. Or DISPATCH_NONE. */
	uint32_t cut;
	bool is_race; /* another part fetches the same bytes, or another file of the node
		       */
	int64_t due;  /* with WAIT; DISPATCH_NEVER: only an event changes anything */
};

void dispatch_next(struct dispatch *d, int64_t now, struct dispatch_order *ret);

/* ---- what happened ---- */

/* In answer to a DISPATCH_START that is fresh, before its first byte, as often as needed:
 * bytes of the file that are here from an earlier run. The part shrinks to the first run
 * that is missing (dispatch_part_range tells; others will be ordered), or to nothing:
 * then it ends by DISPATCH_CAME at once. */
void dispatch_present(struct dispatch *d, uint32_t part, uint64_t from, uint64_t end);
void dispatch_part_range(const struct dispatch *d, uint32_t part, uint64_t *ret_from,
			 uint64_t *ret_end);

/* The answer's head came. SIZE of the whole file (0: not said; DISPATCH_TO_END: the whole
 * comes, and its size is not said); RANGES: this cache serves ranges of it. The part's
 * end, and that of others of the file, may be another one after this. False if an answer
 * before, or what is here, is of a file of another size: then this cache does not share
 * it, and the part is to end by DISPATCH_NO_RANGE. */
bool dispatch_part_head(struct dispatch *d, uint32_t part, uint64_t size, bool ranges,
			int64_t now);
/* The size of the part's file as far as it is known; 0: it is not. */
uint64_t dispatch_part_size(const struct dispatch *d, uint32_t part);
/* N more bytes are kept; never beyond the part's end. */
void dispatch_part_bytes(struct dispatch *d, uint32_t part, uint64_t n, int64_t now);

enum dispatch_end {
	DISPATCH_CAME,	   /* all of it, to its end, or that of the file */
	DISPATCH_BROKE,	   /* what is missing is wanted again; this cache may be asked for
			      this node again at RETRY_AT, or never (DISPATCH_NEVER) */
	DISPATCH_REFUSED,  /* this cache does not give this node, or gives something else:
			      what the part brought does not count */
	DISPATCH_NO_RANGE, /* it answered with the whole file: from now on it is asked for
			      this node's whole file only, and shares it with no other */
};

/* RETRY_AT counts with DISPATCH_BROKE only. */
void dispatch_part_end(struct dispatch *d, uint32_t part, enum dispatch_end how,
		       int64_t retry_at, int64_t now);

/* How often in a row the part's cache broke off for the part's node before it had brought
 * DISPATCH_GAIN. What has brought more, all in all, than twice what there is gets no
 * further by that. */
#define DISPATCH_GAIN 65536
unsigned dispatch_part_attempts(const struct dispatch *d, uint32_t part);

/* True when no byte of a file of the node is missing: to be asked after DISPATCH_CAME,
 * and after DISPATCH_BROKE, which may come after the last byte; the file is that part's.
 */
bool dispatch_is_whole(const struct dispatch *d, uint32_t node);

/* The verdict on a whole file. Good: the node is done. Bad: what came is to be thrown
 * away, and the file is wanted again; a cache that brought all of it is never again asked
 * for this node, and is returned. If several brought it, or earlier runs, DISPATCH_NONE:
 * the node is fetched from one cache at a time from now on, and who lied shows. */
void dispatch_verified(struct dispatch *d, uint32_t node);
uint32_t dispatch_spoilt(struct dispatch *d, uint32_t node);

/* Nodes that are wanted, not whole and without a part under way. */
size_t dispatch_waiting(const struct dispatch *d);

#endif
