#include "base/runs.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void runs_release(struct runs *r)
{
	free(r->list);
	*r = (struct runs){ 0 };
}

void runs_clear(struct runs *r)
{
	r->len = 0;
}

/* The first run that ends at or after AT. */
static size_t find_run(const struct runs *r, uint64_t at)
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

static void insert(struct runs *r, size_t at, struct run run)
{
	MEM_GROW(r->list, r->len, r->cap);
	memmove(&r->list[at + 1], &r->list[at], (r->len - at) * sizeof(r->list[0]));
	r->list[at] = run;
	r->len++;
}

void runs_add(struct runs *r, uint64_t from, uint64_t end)
{
	size_t at = find_run(r, from), behind = at;
	struct run whole = { from, end };

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

void runs_remove(struct runs *r, uint64_t from, uint64_t end)
{
	size_t at = find_run(r, from);

	while (at < r->len && r->list[at].from < end && from < end) {
		struct run *run = &r->list[at];
		struct run behind = { end, run->end };

		if (run->from < from) {
			run->end = from < run->end ? from : run->end;
			at++;
		} else {
			r->len--;
			memmove(run, run + 1, (r->len - at) * sizeof(*run));
		}
		if (behind.from < behind.end)
			insert(r, at++, behind);
	}
}

void runs_cut(struct runs *r, uint64_t end)
{
	while (r->len && r->list[r->len - 1].from >= end)
		r->len--;
	if (r->len && r->list[r->len - 1].end > end)
		r->list[r->len - 1].end = end;
}

bool runs_missing(const struct runs *r, uint64_t from, uint64_t end, struct run *ret)
{
	size_t at = find_run(r, from);

	/* A run that ends where the gap begins does not help, but the next one may. */
	if (at < r->len && r->list[at].end == from)
		at++;
	if (at < r->len && r->list[at].from <= from)
		from = r->list[at++].end;
	if (from >= end)
		return false;
	if (at < r->len && r->list[at].from < end)
		end = r->list[at].from;
	*ret = (struct run){ from, end };
	return true;
}

struct run runs_take_first(struct runs *r)
{
	struct run first = r->list[0];

	r->len--;
	memmove(&r->list[0], &r->list[1], r->len * sizeof(r->list[0]));
	return first;
}

uint64_t runs_total(const struct runs *r)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < r->len; i++)
		sum += r->list[i].end - r->list[i].from;
	return sum;
}

uint64_t runs_end(const struct runs *r)
{
	return r->len ? r->list[r->len - 1].end : 0;
}

bool runs_are_whole(const struct runs *r)
{
	return r->len == 0 || (r->len == 1 && r->list[0].from == 0);
}
