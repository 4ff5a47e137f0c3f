/* Which entries of a pool go: pure. */
#ifndef POOL_GC_CHOICE_H
#define POOL_GC_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct pool_gc_entry {
	time_t used;   /* when a command last used it */
	uint32_t file; /* the number of its NAR file: entries may share one */
	uint64_t size; /* of that file */
	bool is_kept;  /* it stays, whatever else is said */
	bool goes;     /* the answer */
	void *ctx;     /* the caller's */
};

struct pool_gc_rule {
	bool only_kept;	    /* all that is not kept goes */
	int64_t unused_age; /* what was not used for so many seconds goes; below 0: no
			       rule */
	uint64_t max_bytes; /* then the least recently used, until the files are no larger
			     * together */
};

/* Sorts the entries, the least recently used first, and sets what goes. FILE_COUNT: files
 * are numbered from 0. Returns the bytes of the files that stay. */
uint64_t pool_gc_choose(struct pool_gc_entry *entries, size_t count, size_t file_count,
			const struct pool_gc_rule *rule, time_t now);

#endif
