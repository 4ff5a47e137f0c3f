/* A hash table from byte strings to pointers or numbers. Keys are borrowed: they must
 * outlive the table. Entries cannot be removed. */
#ifndef MAP_H
#define MAP_H

#include <nixferry/slice.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot {
	const char *key; /* NULL if free */
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

/* A pointer to the value, or NULL. Valid until the next map_put. */
uintptr_t *map_get(const struct map *m, struct nf_slice key);

/* A pointer to the value, which is created as 0 if it is missing; *ret_new says whether
 * it was. */
uintptr_t *map_put(struct map *m, struct nf_slice key, bool *ret_new);

#endif
