/* The progress of long work: counters that workers increase and that another thread (a
 * command's display) samples. Nothing here prints. All functions may be called from any
 * thread; every function accepts a NULL progress. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <nixferry/watch.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum progress_count {
	PROGRESS_PATHS_TOTAL,
	PROGRESS_PATHS_DONE,
	PROGRESS_BYTES_TOTAL, /* in the unit of the phase */
	PROGRESS_BYTES_DONE,
	PROGRESS_WORK_TOTAL, /* bytes of NARs to be verified and stored */
	PROGRESS_WORK_DONE,
	PROGRESS_RESOLVED,  /* narinfos received */
	PROGRESS_RESOLVING, /* narinfos requested */
	PROGRESS_COUNTS,
};

struct progress;

struct progress *progress_new(void);
void progress_free(struct progress *p);

/* PHASE is a literal: "resolving", "fetching", "packing", "unpacking", "registering"...
 */
void progress_phase(struct progress *p, const char *phase);
const char *progress_get_phase(struct progress *p);

/* What the work is waiting for, shown instead of the phase; empty if nothing. Copied and
 * truncated. */
void progress_wait(struct progress *p, const char *text);
/* Copies it. */
void progress_get_wait(struct progress *p, char out[NF_PROGRESS_WAIT_MAX]);

void progress_add(struct progress *p, enum progress_count which, uint64_t n);
void progress_set(struct progress *p, enum progress_count which, uint64_t n);
uint64_t progress_get(struct progress *p, enum progress_count which);
/* Starts the counts of paths and bytes again, for work of another kind. */
void progress_restart(struct progress *p);

/* An item in progress; its name is copied and truncated. Returns a handle for
 * progress_end, or -1 if there is no room (progress_end accepts it). */
int progress_begin(struct progress *p, const char *verb, const char *name);
void progress_end(struct progress *p, int item);

/* Sets how many bytes of an item are done, of how many (0: unknown), and which cache they
 * come from (a number of progress_cache, or -1). ITEM may be -1. */
void progress_item(struct progress *p, int item, uint64_t done, uint64_t total);
void progress_item_from(struct progress *p, int item, int cache);

/* The number of a cache, which is added unless there is one with this URL; -1 if there is
 * no room. */
int progress_cache(struct progress *p, const char *url);
/* Something came from a cache: BYTES of a NAR, or an answer of another kind (0). The
 * cache may be -1. */
void progress_cache_came(struct progress *p, int cache, uint64_t bytes);
void progress_cache_state(struct progress *p, int cache, enum nf_cache_state state,
			  uint32_t requests);

/* Copies the items in progress, at most MAX; returns their number. */
size_t progress_items(struct progress *p, struct nf_progress_item *out, size_t max);

/* Copies everything at once. How long something has been idle is known to the time
 * between two calls. */
void progress_look(struct progress *p, struct nf_progress *ret);

/* A remark for the user (a source is no longer used, a path was skipped), kept until the
 * display takes it. Up to 256 are kept; then the oldest is dropped and counted. */
void progress_note(struct progress *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Takes the oldest remark (free()), or NULL. If remarks were dropped, the first says how
 * many. */
char *progress_take_note(struct progress *p);

#endif
