/* Verified blocks of a bundle's payload. The bytes of a struct bundle_block that other
 * code can see have the signed digest, and are never written to again. */
#ifndef BUNDLE_BLOCKS_H
#define BUNDLE_BLOCKS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "format/block_digest.h"
#include "format/manifest.h"

struct bundle_block {
	struct bundle_block *next_free;
	size_t refs;
	uint64_t index;
	size_t len; /* BUNDLE_BLOCK_SIZE except for the last */
	uint8_t data[BUNDLE_BLOCK_SIZE];
};

/* What blocks are checked against, and the unused buffers. */
struct bundle_blocks {
	const struct manifest *m;    /* borrowed, verified */
	uint8_t *digests;	     /* see block_digest.h; owned */
	enum block_digest_kind kind; /* the list that blocks are compared with */
	uint64_t count;
	pthread_mutex_t lock; /* guards free and the refs of every block */
	struct bundle_block *free;
};

/* DIGESTS (taken over on success) is the content of the blocks member; NF_E_HASH if its
 * digest is not the one in the manifest. */
int bundle_blocks_init(struct bundle_blocks *b, const struct manifest *m,
		       uint8_t *digests, size_t len, struct nf_err *err) MUST_CHECK;
void bundle_blocks_release(struct bundle_blocks *b);

/* Offset of a block in the payload. */
uint64_t bundle_blocks_start(uint64_t index);

/* A buffer with one reference, for len bytes of block INDEX, which is not verified
 * yet. */
struct bundle_block *bundle_blocks_new(struct bundle_blocks *b, uint64_t index);

/* The only verdict: checks digest (NF_E_HASH) and framing (NF_E_FORMAT) of a filled
 * buffer. */
int bundle_blocks_verify(const struct bundle_blocks *b, const struct bundle_block *block,
			 struct nf_err *err) MUST_CHECK;

/* Any thread. ref returns its argument; unref accepts NULL. */
struct bundle_block *bundle_blocks_ref(struct bundle_blocks *b,
				       struct bundle_block *block);
void bundle_blocks_unref(struct bundle_blocks *b, struct bundle_block *block);

#endif
