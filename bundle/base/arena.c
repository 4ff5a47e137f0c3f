#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Chunks grow with the arena: a single path info stays small, a plan needs few chunks. */
#define CHUNK_MIN 512
#define CHUNK_MAX ((size_t)64 * 1024)
#define ALIGNMENT _Alignof(max_align_t)

struct arena_chunk {
	struct arena_chunk *next;
	size_t size;
	_Alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *a)
{
	*a = (struct arena){ 0 };
}

void arena_release(struct arena *a)
{
	struct arena_chunk *next;

	for (struct arena_chunk *c = a->head; c; c = next) {
		next = c->next;
		free(c);
	}
	arena_init(a);
}

static struct arena_chunk *chunk_new(struct arena *a, size_t size)
{
	struct arena_chunk *c;
	size_t bytes;

	/* A size that overflows exceeds all memory: mem_alloc ends the process. */
	if (__builtin_add_overflow(sizeof(*c), size, &bytes))
		bytes = SIZE_MAX;
	c = mem_alloc(bytes);
	c->size = size;
	a->total += bytes;
	return c;
}

static void *take_from_new_chunk(struct arena *a, size_t size)
{
	size_t want = a->total < CHUNK_MIN ? CHUNK_MIN : a->total;
	struct arena_chunk *c;

	if (want > CHUNK_MAX)
		want = CHUNK_MAX;
	/* A large piece gets its own chunk, to keep using the rest of the head chunk. */
	if (a->head && size > want / 4) {
		c = chunk_new(a, size);
		c->next = a->head->next;
		a->head->next = c;
		return c->bytes;
	}
	c = chunk_new(a, size > want ? size : want);
	c->next = a->head;
	a->head = c;
	a->used = size;
	return c->bytes;
}

static void *take(struct arena *a, size_t size, size_t alignment)
{
	size_t at = (a->used + alignment - 1) / alignment * alignment;

	if (!a->head || at > a->head->size || size > a->head->size - at)
		return take_from_new_chunk(a, size);
	a->used = at + size;
	return a->head->bytes + at;
}

void *arena_alloc(struct arena *a, size_t size)
{
	return take(a, size, ALIGNMENT);
}

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(count, size, &bytes))
		bytes = SIZE_MAX;
	p = arena_alloc(a, bytes);
	return memset(p, 0, bytes);
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *copy = take(a, len + 1, 1);

	if (len)
		memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

struct nf_slice arena_slice(struct arena *a, struct nf_slice s)
{
	return nf_slice(arena_strndup(a, s.ptr, s.len), s.len);
}
