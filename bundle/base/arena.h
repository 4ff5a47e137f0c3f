/* Many small allocations that are freed together. */
#ifndef ARENA_H
#define ARENA_H

#include <nixferry/slice.h>
#include <stddef.h>

struct arena {
	struct arena_chunk *head;
	size_t used;  /* bytes used in the head chunk */
	size_t total; /* bytes allocated from the system */
};

void arena_init(struct arena *a);
void arena_release(struct arena *a);

/* Aligned for any type; never NULL. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_calloc(struct arena *a, size_t count, size_t size);

/* A copy followed by a NUL (not counted in len); not aligned. */
char *arena_strndup(struct arena *a, const char *s, size_t len);
struct nf_slice arena_slice(struct arena *a, struct nf_slice s);

#endif
