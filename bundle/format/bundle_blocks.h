/* Verified blocks of a bundle's payload. A struct bundle_block that others can see holds
 * bytes whose digest is the signed one, in memory that nobody writes to any more. */
#ifndef BUNDLE_BLOCKS_H
#define BUNDLE_BLOCKS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/limits.h"
#include "format/manifest.h"

struct bundle_block {
	struct bundle_block *next_free;
	size_t refs;
	uint64_t index;
	size_t len; /* BUNDLE_BLOCK_SIZE but for the last */
	uint8_t data[BUNDLE_BLOCK_SIZE];
};

/* What blocks are checked against, and the buffers that are not in use. */
struct bundle_blocks {
	const struct manifest *m; /* borrowed, verified */
	uint8_t *digests;	  /* BLAKE2B_SIZE for each block; owned */
	uint64_t count;
	pthread_mutex_t lock; /* of free and of every block's refs */
	struct bundle_block *free;
};

/* DIGESTS (taken over on success) is the content of the blocks member; NF_E_HASH if it is
 * not the one that the manifest vouches for. */
int bundle_blocks_init(struct bundle_blocks *b, const struct manifest *m,
		       uint8_t *digests, size_t len, struct nf_err *err) MUST_CHECK;
void bundle_blocks_release(struct bundle_blocks *b);

/* Where a block begins in the payload. */
uint64_t bundle_blocks_start(uint64_t index);

/* A buffer with one reference, for len bytes of block INDEX: not verified yet. */
struct bundle_block *bundle_blocks_new(struct bundle_blocks *b, uint64_t index);

/* The one verdict: digest (NF_E_HASH) and framing (NF_E_FORMAT) of a filled buffer. */
int bundle_blocks_verify(const struct bundle_blocks *b, const struct bundle_block *block,
			 struct nf_err *err) MUST_CHECK;

/* Any thread. ref returns its argument; unref takes NULL. */
struct bundle_block *bundle_blocks_ref(struct bundle_blocks *b,
				       struct bundle_block *block);
void bundle_blocks_unref(struct bundle_blocks *b, struct bundle_block *block);

#endif
