/* What long work has done so far: counters that workers add to and that somebody else (a
 * command's display) samples. Nothing here prints. All functions may be called from any
 * thread; a NULL progress is allowed everywhere. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <nixferry/watch.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum progress_count {
	PROGRESS_PATHS_TOTAL,
	PROGRESS_PATHS_DONE,
	PROGRESS_BYTES_TOTAL, /* of the unit that the phase is measured in */
	PROGRESS_BYTES_DONE,
	PROGRESS_WORK_TOTAL, /* bytes of NARs that are to be verified and stored */
	PROGRESS_WORK_DONE,
	PROGRESS_RESOLVED,  /* narinfos that came */
	PROGRESS_RESOLVING, /* narinfos that were asked for */
	PROGRESS_COUNTS,
};

struct progress;

struct progress *progress_new(void);
void progress_free(struct progress *p);

/* PHASE is a literal: "resolving", "fetching", "packing", "unpacking", "registering"...
 */
void progress_phase(struct progress *p, const char *phase);
const char *progress_get_phase(struct progress *p);

/* What is waited for instead of that, for people; empty: nothing. It is copied and cut.
 */
void progress_wait(struct progress *p, const char *text);
/* Copies it. */
void progress_get_wait(struct progress *p, char out[NF_PROGRESS_WAIT_MAX]);

void progress_add(struct progress *p, enum progress_count which, uint64_t n);
void progress_set(struct progress *p, enum progress_count which, uint64_t n);
uint64_t progress_get(struct progress *p, enum progress_count which);

/* An item that is being worked on; its name is copied and cut. Returns a handle for
 * progress_end, or -1 when all places are taken (progress_end accepts it). */
int progress_begin(struct progress *p, const char *verb, const char *name);
void progress_end(struct progress *p, int item);

/* Copies the items in use, at most MAX; returns how many. */
size_t progress_items(struct progress *p, struct nf_progress_item *out, size_t max);

/* All of it at once. */
void progress_look(struct progress *p, struct nf_progress *ret);

/* A remark for people (a source was left, a path was skipped): kept until the display
 * takes it. MAX of 256 are kept, then the oldest is dropped and counted. */
void progress_note(struct progress *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The oldest remark (free()), or NULL; first of all how many were dropped. */
char *progress_take_note(struct progress *p);

#endif
