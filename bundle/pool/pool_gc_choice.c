#include "pool/pool_gc_choice.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/mem.h"

static int compare_used(const void *a, const void *b)
{
	const struct pool_gc_entry *x = a, *y = b;

	if (x->used != y->used)
		return x->used < y->used ? -1 : 1;
	return (x->file > y->file) - (x->file < y->file);
}

static bool is_out(const struct pool_gc_entry *e, const struct pool_gc_rule *rule,
		   time_t now)
{
	if (e->is_kept)
		return false;
	return rule->only_kept ||
	       (rule->unused_age >= 0 && now - e->used >= rule->unused_age);
}

uint64_t pool_gc_choose(struct pool_gc_entry *entries, size_t count, size_t file_count,
			const struct pool_gc_rule *rule, time_t now)
{
	/* Counts the remaining entries of each file. */
	AUTO_FREE uint32_t *users = mem_calloc(file_count, sizeof(*users));
	uint64_t bytes = 0;

	if (count)
		qsort(entries, count, sizeof(*entries), compare_used);
	for (size_t i = 0; i < count; i++) {
		entries[i].goes = is_out(&entries[i], rule, now);
		if (!entries[i].goes && users[entries[i].file]++ == 0)
			bytes += entries[i].size;
	}
	for (size_t i = 0; i < count && bytes > rule->max_bytes; i++) {
		struct pool_gc_entry *e = &entries[i];

		if (e->goes || e->is_kept)
			continue;
		e->goes = true;
		if (--users[e->file] == 0)
			bytes -= e->size;
	}
	return bytes;
}
