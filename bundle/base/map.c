#include "base/map.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"

#define CAP_MIN 16

void map_init(struct map *m)
{
	*m = (struct map){ 0 };
}

void map_release(struct map *m)
{
	free(m->slots);
	map_init(m);
}

static uint32_t hash_of(struct nf_slice key)
{
	return (uint32_t)xxh3_64(key.len ? key.ptr : "", key.len);
}

/* The slot that has the key, or the free one where it belongs; one is always free. */
static struct map_slot *find_slot(const struct map *m, struct nf_slice key, uint32_t hash)
{
	for (size_t i = hash;; i++) {
		struct map_slot *slot = &m->slots[i & (m->cap - 1)];

		if (!slot->key)
			return slot;
		if (slot->hash == hash &&
		    nf_slice_eq(nf_slice(slot->key, slot->key_len), key))
			return slot;
	}
}

static void grow(struct map *m)
{
	struct map old = *m;

	m->cap = old.cap ? 2 * old.cap : CAP_MIN;
	m->slots = mem_calloc(m->cap, sizeof(*m->slots));
	for (size_t i = 0; i < old.cap; i++) {
		const struct map_slot *slot = &old.slots[i];

		if (slot->key)
			*find_slot(m, nf_slice(slot->key, slot->key_len), slot->hash) =
				*slot;
	}
	free(old.slots);
}

uintptr_t *map_get(const struct map *m, struct nf_slice key)
{
	struct map_slot *slot;

	if (m->cap == 0)
		return NULL;
	slot = find_slot(m, key, hash_of(key));
	return slot->key ? &slot->value : NULL;
}

uintptr_t *map_put(struct map *m, struct nf_slice key, bool *ret_new)
{
	uint32_t hash = hash_of(key);
	struct map_slot *slot;

	assert(key.len <= UINT32_MAX);
	if (m->len >= m->cap / 4 * 3)
		grow(m);
	slot = find_slot(m, key, hash);
	*ret_new = !slot->key;
	if (*ret_new) {
		slot->key = key.len ? key.ptr : "";
		slot->key_len = (uint32_t)key.len;
		slot->hash = hash;
		m->len++;
	}
	return &slot->value;
}
