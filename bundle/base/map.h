/* A hash table from byte strings to pointers or numbers. Keys are borrowed: they must
 * live as long as the table. Nothing is ever removed. */
#ifndef MAP_H
#define MAP_H

#include <nixferry/slice.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot {
	const char *key; /* NULL: free */
	uint32_t key_len;
	uint32_t hash;
	uintptr_t value;
};

struct map {
	struct map_slot *slots;
	size_t len;
	size_t cap; /* a power of two, or 0 */
};

void map_init(struct map *m);
void map_release(struct map *m);

/* The value's place, or NULL. It is valid until the next map_put. */
uintptr_t *map_get(const struct map *m, struct nf_slice key);

/* The value's place, made (with value 0) where there was none; *ret_new tells. */
uintptr_t *map_put(struct map *m, struct nf_slice key, bool *ret_new);

#endif
