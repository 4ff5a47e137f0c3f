#include "format/bundle_blocks.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "format/frame.h"

int bundle_blocks_init(struct bundle_blocks *b, const struct manifest *m,
		       uint8_t *digests, size_t len, struct nf_err *err)
{
	int rc = block_digest_check(m, digests, len, err);

	if (rc)
		return rc;
	*b = (struct bundle_blocks){
		.m = m,
		.digests = digests,
		.kind = block_digest_choose(m),
		.count = manifest_block_count(m),
	};
	pthread_mutex_init(&b->lock, NULL);
	return 0;
}

void bundle_blocks_release(struct bundle_blocks *b)
{
	while (b->free) {
		struct bundle_block *next = b->free->next_free;

		free(b->free);
		b->free = next;
	}
	free(b->digests);
	pthread_mutex_destroy(&b->lock);
}

uint64_t bundle_blocks_start(uint64_t index)
{
	return index * BUNDLE_BLOCK_SIZE;
}

static size_t block_len(const struct bundle_blocks *b, uint64_t index)
{
	uint64_t left = b->m->payload_size - bundle_blocks_start(index);

	return left < BUNDLE_BLOCK_SIZE ? (size_t)left : BUNDLE_BLOCK_SIZE;
}

struct bundle_block *bundle_blocks_new(struct bundle_blocks *b, uint64_t index)
{
	struct bundle_block *block;

	assert(index < b->count);
	pthread_mutex_lock(&b->lock);
	block = b->free;
	if (block)
		b->free = block->next_free;
	pthread_mutex_unlock(&b->lock);
	if (!block)
		block = mem_alloc(sizeof(*block));
	block->next_free = NULL;
	block->refs = 1;
	block->index = index;
	block->len = block_len(b, index);
	return block;
}

int bundle_blocks_verify(const struct bundle_blocks *b, const struct bundle_block *block,
			 struct nf_err *err)
{
	if (!block_digest_match(b->digests, b->m, b->kind, block->index, block->data,
				block->len))
		return err_set(err, NF_E_HASH,
			       "block %" PRIu64 " of %" PRIu64
			       " is damaged: its digest is not the one that was signed",
			       block->index + 1, b->count);
	return frame_check(b->m, bundle_blocks_start(block->index), block->data,
			   block->len, err);
}

struct bundle_block *bundle_blocks_ref(struct bundle_blocks *b,
				       struct bundle_block *block)
{
	pthread_mutex_lock(&b->lock);
	block->refs++;
	pthread_mutex_unlock(&b->lock);
	return block;
}

void bundle_blocks_unref(struct bundle_blocks *b, struct bundle_block *block)
{
	if (!block)
		return;
	pthread_mutex_lock(&b->lock);
	if (--block->refs == 0) {
		block->next_free = b->free;
		b->free = block;
	}
	pthread_mutex_unlock(&b->lock);
}
