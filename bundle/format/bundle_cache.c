#include "format/bundle_cache.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/mem.h"
#include "base/plural.h"

void bundle_cache_init(struct bundle_cache *c, struct bundle_blocks *blocks, int fd,
		       uint64_t offset)
{
	*c = (struct bundle_cache){ .blocks = blocks, .fd = fd, .offset = offset };
	c->verified = mem_calloc((size_t)(blocks->count / 8 + 1), 1);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->loaded, NULL);
}

void bundle_cache_release(struct bundle_cache *c)
{
	for (size_t i = 0; i < BUNDLE_CACHE_SLOTS; i++)
		bundle_blocks_unref(c->blocks, c->slots[i].block);
	free(c->verified);
	pthread_cond_destroy(&c->loaded);
	pthread_mutex_destroy(&c->lock);
}

/* Reads into private memory first: later changes of the file cannot affect verified
 * bytes. */
static int load(struct bundle_cache *c, uint64_t index, struct bundle_block **ret,
		struct nf_err *err)
{
	struct bundle_block *block = bundle_blocks_new(c->blocks, index);
	int rc;

	rc = file_pread_all(c->fd, block->data, block->len,
			    c->offset + bundle_blocks_start(index), "payload", err);
	if (!rc)
		rc = bundle_blocks_verify(c->blocks, block, err);
	if (rc) {
		bundle_blocks_unref(c->blocks, block);
		return rc;
	}
	*ret = block;
	return 0;
}

static struct bundle_cache_slot *find_slot(struct bundle_cache *c, uint64_t index)
{
	for (size_t i = 0; i < BUNDLE_CACHE_SLOTS; i++)
		if (c->slots[i].state != BUNDLE_CACHE_FREE && c->slots[i].index == index)
			return &c->slots[i];
	return NULL;
}

/* Empties the slot to load into and returns it; NULL if all slots are being loaded. */
static struct bundle_cache_slot *claim(struct bundle_cache *c, uint64_t index)
{
	struct bundle_cache_slot *oldest = NULL;

	for (size_t i = 0; i < BUNDLE_CACHE_SLOTS; i++) {
		struct bundle_cache_slot *slot = &c->slots[i];

		if (slot->state != BUNDLE_CACHE_LOADING &&
		    (!oldest || slot->used < oldest->used))
			oldest = slot;
	}
	if (!oldest)
		return NULL;
	bundle_blocks_unref(c->blocks, oldest->block);
	*oldest = (struct bundle_cache_slot){ .index = index,
					      .state = BUNDLE_CACHE_LOADING };
	return oldest;
}

static void publish(struct bundle_cache *c, struct bundle_cache_slot *slot,
		    struct bundle_block *block)
{
	if (block)
		c->verified[block->index / 8] |= (uint8_t)(1U << (block->index % 8));
	if (!slot)
		return;
	slot->state = block ? BUNDLE_CACHE_READY : BUNDLE_CACHE_FREE;
	slot->block = block ? bundle_blocks_ref(c->blocks, block) : NULL;
	slot->used = block ? ++c->clock : 0;
	pthread_cond_broadcast(&c->loaded);
}

int bundle_cache_get(struct bundle_cache *c, uint64_t index, struct bundle_block **ret,
		     struct nf_err *err)
{
	struct bundle_block *block = NULL;
	struct bundle_cache_slot *slot;
	int rc = 0;

	pthread_mutex_lock(&c->lock);
	while ((slot = find_slot(c, index)) && slot->state == BUNDLE_CACHE_LOADING)
		pthread_cond_wait(&c->loaded, &c->lock);
	if (slot) {
		slot->used = ++c->clock;
		block = bundle_blocks_ref(c->blocks, slot->block);
	} else {
		slot = claim(c, index);
		pthread_mutex_unlock(&c->lock);
		rc = load(c, index, &block, err);
		pthread_mutex_lock(&c->lock);
		publish(c, slot, block);
	}
	pthread_mutex_unlock(&c->lock);
	*ret = block;
	return rc;
}

static bool is_verified(struct bundle_cache *c, uint64_t index)
{
	bool verified;

	pthread_mutex_lock(&c->lock);
	verified = c->verified[index / 8] >> (index % 8) & 1;
	pthread_mutex_unlock(&c->lock);
	return verified;
}

int bundle_cache_finish(struct bundle_cache *c, struct nf_err *err)
{
	uint64_t end = c->offset + c->blocks->m->payload_size;
	struct bundle_block *block;
	struct stat st;
	int rc = 0;

	for (uint64_t i = 0; !rc && i < c->blocks->count; i++) {
		rc = interrupt_check(err);
		if (rc || is_verified(c, i))
			continue;
		rc = bundle_cache_get(c, i, &block, err);
		if (!rc)
			bundle_blocks_unref(c->blocks, block);
	}
	if (rc)
		return rc;
	if (fstat(c->fd, &st) < 0)
		return err_sys(err, "cannot stat it");
	if ((uint64_t)st.st_size != end)
		return err_set(err, NF_E_FORMAT,
			       "the file has %jd %s, the bundle %" PRIu64,
			       (intmax_t)st.st_size,
			       plural((uint64_t)st.st_size, "byte", "bytes"), end);
	return 0;
}
