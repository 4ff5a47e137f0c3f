/* Which bytes of a file are there: runs [from, end), sorted, neither overlapping nor
 * touching. */
#ifndef RUNS_H
#define RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run {
	uint64_t from;
	uint64_t end;
};

struct runs {
	struct run *list;
	size_t len;
	size_t cap;
};

void runs_release(struct runs *r);
void runs_clear(struct runs *r);

/* Nothing where END is not behind FROM. */
void runs_add(struct runs *r, uint64_t from, uint64_t end);
void runs_remove(struct runs *r, uint64_t from, uint64_t end);
/* Forgets what lies at END and behind it. */
void runs_cut(struct runs *r, uint64_t end);

/* The first run of bytes in [from, end) that are not there; false if all are. */
bool runs_missing(const struct runs *r, uint64_t from, uint64_t end, struct run *ret);

/* Takes the first run out; there must be one. */
struct run runs_take_first(struct runs *r);

/* How many bytes there are. */
uint64_t runs_total(const struct runs *r);
/* Where the last run ends; 0 where there is none. */
uint64_t runs_end(const struct runs *r);
/* Whether all up to runs_end is there. */
bool runs_are_whole(const struct runs *r);

#endif
