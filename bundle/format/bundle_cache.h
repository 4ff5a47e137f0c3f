/* Verified blocks of a bundle that is a regular file, in any order, for any thread. The
 * last few stay in memory, so that neighbouring members do not each read and hash a block
 * that they share. */
#ifndef BUNDLE_CACHE_H
#define BUNDLE_CACHE_H

#include <pthread.h>
#include <stdint.h>

#include "base/err.h"
#include "format/bundle_blocks.h"

#define BUNDLE_CACHE_SLOTS 8

struct bundle_cache_slot {
	struct bundle_block *block; /* holds a reference; NULL if free or being loaded */
	uint64_t index;
	uint64_t used; /* time of use, to choose the oldest */
	enum {
		BUNDLE_CACHE_FREE,
		BUNDLE_CACHE_LOADING,
		BUNDLE_CACHE_READY
	} state;
};

struct bundle_cache {
	struct bundle_blocks *blocks; /* borrowed */
	int fd;			      /* borrowed */
	uint64_t offset;	      /* offset of the payload in the file */
	pthread_mutex_t lock;	      /* guards everything below */
	pthread_cond_t loaded;
	uint64_t clock;
	uint8_t *verified; /* one bit per verified block */
	struct bundle_cache_slot slots[BUNDLE_CACHE_SLOTS];
};

void bundle_cache_init(struct bundle_cache *c, struct bundle_blocks *blocks, int fd,
		       uint64_t offset);
void bundle_cache_release(struct bundle_cache *c);

/* Returns a reference to block INDEX. */
int bundle_cache_get(struct bundle_cache *c, uint64_t index, struct bundle_block **ret,
		     struct nf_err *err) MUST_CHECK;

/* Verifies the blocks that nobody has read, and that the file ends after the last one. */
int bundle_cache_finish(struct bundle_cache *c, struct nf_err *err) MUST_CHECK;

#endif
