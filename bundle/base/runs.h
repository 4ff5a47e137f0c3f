/* Which bytes of a file are present: runs [from, end), sorted, neither overlapping nor
 * adjacent. */
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

/* Does nothing unless END is greater than FROM. */
void runs_add(struct runs *r, uint64_t from, uint64_t end);
void runs_remove(struct runs *r, uint64_t from, uint64_t end);
/* Removes everything from END on. */
void runs_cut(struct runs *r, uint64_t end);

/* The first missing run in [from, end); false if nothing is missing. */
bool runs_missing(const struct runs *r, uint64_t from, uint64_t end, struct run *ret);

/* Takes out the first run; there must be one. */
struct run runs_take_first(struct runs *r);

/* Number of bytes present. */
uint64_t runs_total(const struct runs *r);
/* Where the last run ends; 0 if there is none. */
uint64_t runs_end(const struct runs *r);
/* Whether everything up to runs_end is present. */
bool runs_are_whole(const struct runs *r);

#endif
