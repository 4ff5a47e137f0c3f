/* Decides which entries of a pool are removed: pure. */
#ifndef POOL_GC_CHOICE_H
#define POOL_GC_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct pool_gc_entry {
	time_t used;   /* when a command last used it */
	uint32_t file; /* number of its NAR file; entries may share one */
	uint64_t size; /* size of that file */
	bool is_kept;  /* never removed */
	bool goes;     /* the result: it is removed */
	void *ctx;     /* for the caller */
};

struct pool_gc_rule {
	bool only_kept;	    /* remove everything that is not kept */
	int64_t unused_age; /* remove what was not used for so many seconds; negative: no
			       limit */
	uint64_t max_bytes; /* then remove the least recently used until the total size of
			       the files is no larger */
};

/* Sorts the entries, the least recently used first, and sets which are removed.
 * FILE_COUNT: files are numbered from 0. Returns the total size of the remaining
 * files. */
uint64_t pool_gc_choose(struct pool_gc_entry *entries, size_t count, size_t file_count,
			const struct pool_gc_rule *rule, time_t now);

#endif
