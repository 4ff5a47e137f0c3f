/* Which bytes of a file are present: ranges [from, end), sorted, neither overlapping nor
 * adjacent. */
#ifndef BYTE_RANGES_H
#define BYTE_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct byte_range {
	uint64_t from;
	uint64_t end;
};

struct byte_ranges {
	struct byte_range *list;
	size_t len;
	size_t cap;
};

void byte_ranges_release(struct byte_ranges *r);
void byte_ranges_clear(struct byte_ranges *r);

/* Does nothing unless END is greater than FROM. */
void byte_ranges_add(struct byte_ranges *r, uint64_t from, uint64_t end);
void byte_ranges_remove(struct byte_ranges *r, uint64_t from, uint64_t end);
/* Removes everything from END on. */
void byte_ranges_cut(struct byte_ranges *r, uint64_t end);

/* The first missing range in [from, end); false if nothing is missing. */
bool byte_ranges_missing(const struct byte_ranges *r, uint64_t from, uint64_t end,
			 struct byte_range *ret);

/* Takes out the first range; there must be one. */
struct byte_range byte_ranges_take_first(struct byte_ranges *r);

/* Number of bytes present. */
uint64_t byte_ranges_total(const struct byte_ranges *r);
/* Where the last range ends; 0 if there is none. */
uint64_t byte_ranges_end(const struct byte_ranges *r);
/* Whether everything up to byte_ranges_end is present. */
bool byte_ranges_are_whole(const struct byte_ranges *r);

#endif
