#include "base/byte_ranges.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void byte_ranges_release(struct byte_ranges *r)
{
	free(r->list);
	*r = (struct byte_ranges){ 0 };
}

void byte_ranges_clear(struct byte_ranges *r)
{
	r->len = 0;
}

/* The first range that ends at or after AT. */
static size_t find_range(const struct byte_ranges *r, uint64_t at)
{
	size_t low = 0, high = r->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (r->list[middle].end < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void insert(struct byte_ranges *r, size_t at, struct byte_range range)
{
	MEM_GROW(r->list, r->len, r->cap);
	memmove(&r->list[at + 1], &r->list[at], (r->len - at) * sizeof(r->list[0]));
	r->list[at] = range;
	r->len++;
}

void byte_ranges_add(struct byte_ranges *r, uint64_t from, uint64_t end)
{
	size_t at = find_range(r, from), behind = at;
	struct byte_range whole = { from, end };

	if (end <= from)
		return;
	for (; behind < r->len && r->list[behind].from <= end; behind++) {
		if (r->list[behind].from < whole.from)
			whole.from = r->list[behind].from;
		if (r->list[behind].end > whole.end)
			whole.end = r->list[behind].end;
	}
	if (behind == at) {
		insert(r, at, whole);
		return;
	}
	r->list[at] = whole;
	memmove(&r->list[at + 1], &r->list[behind],
		(r->len - behind) * sizeof(r->list[0]));
	r->len -= behind - at - 1;
}

void byte_ranges_remove(struct byte_ranges *r, uint64_t from, uint64_t end)
{
	size_t at = find_range(r, from);

	while (at < r->len && r->list[at].from < end && from < end) {
		struct byte_range *range = &r->list[at];
		struct byte_range behind = { end, range->end };

		if (range->from < from) {
			range->end = from < range->end ? from : range->end;
			at++;
		} else {
			r->len--;
			memmove(range, range + 1, (r->len - at) * sizeof(*range));
		}
		if (behind.from < behind.end)
			insert(r, at++, behind);
	}
}

void byte_ranges_cut(struct byte_ranges *r, uint64_t end)
{
	while (r->len && r->list[r->len - 1].from >= end)
		r->len--;
	if (r->len && r->list[r->len - 1].end > end)
		r->list[r->len - 1].end = end;
}

bool byte_ranges_missing(const struct byte_ranges *r, uint64_t from, uint64_t end,
			 struct byte_range *ret)
{
	size_t at = find_range(r, from);

	/* A range that ends where the gap begins does not help, but the next one may. */
	if (at < r->len && r->list[at].end == from)
		at++;
	if (at < r->len && r->list[at].from <= from)
		from = r->list[at++].end;
	if (from >= end)
		return false;
	if (at < r->len && r->list[at].from < end)
		end = r->list[at].from;
	*ret = (struct byte_range){ from, end };
	return true;
}

struct byte_range byte_ranges_take_first(struct byte_ranges *r)
{
	struct byte_range first = r->list[0];

	r->len--;
	memmove(&r->list[0], &r->list[1], r->len * sizeof(r->list[0]));
	return first;
}

uint64_t byte_ranges_total(const struct byte_ranges *r)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < r->len; i++)
		sum += r->list[i].end - r->list[i].from;
	return sum;
}

uint64_t byte_ranges_end(const struct byte_ranges *r)
{
	return r->len ? r->list[r->len - 1].end : 0;
}

bool byte_ranges_are_whole(const struct byte_ranges *r)
{
	return r->len == 0 || (r->len == 1 && r->list[0].from == 0);
}
