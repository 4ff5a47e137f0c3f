#include "fetch/claims.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"

#define BLOCK (256 * KIB)

void claims_release(struct claims *c)
{
	free(c->list);
	*c = (struct claims){ 0 };
}

static void add_claim(struct claims *c, const struct claim *claim)
{
	MEM_GROW(c->list, c->len, c->cap);
	c->list[c->len++] = *claim;
}

void claims_add(struct claims *c, uint32_t cache, uint64_t from, uint64_t end,
		const uint8_t digest[XXH3_128_SIZE])
{
	struct claim claim = { .cache = cache, .from = from, .end = end };

	memcpy(claim.digest, digest, sizeof(claim.digest));
	add_claim(c, &claim);
}

void claims_move(struct claims *c, struct claims *from)
{
	for (size_t i = 0; i < from->len; i++)
		add_claim(c, &from->list[i]);
	claims_release(from);
}

void claims_drop(struct claims *c, uint32_t cache)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->len; i++)
		if (c->list[i].cache != cache)
			c->list[kept++] = c->list[i];
	c->len = kept;
}

static bool agrees(const struct claim *claim, int fd, char *block)
{
	AUTO(xxh3_freep) struct xxh3 *x = xxh3_new();
	uint8_t digest[XXH3_128_SIZE];
	uint64_t at = claim->from;

	while (at < claim->end) {
		uint64_t left = claim->end - at;
		size_t n = left < BLOCK ? (size_t)left : BLOCK;

		if (file_pread_all(fd, block, n, at, "", NULL))
			return true;
		xxh3_update(x, block, n);
		at += n;
	}
	xxh3_final(x, digest);
	return memcmp(digest, claim->digest, sizeof(digest)) == 0;
}

void claims_compare(struct claims *c, int fd)
{
	AUTO_FREE char *block = mem_alloc(BLOCK);

	for (size_t i = 0; i < c->len; i++)
		c->list[i].is_wrong = !agrees(&c->list[i], fd, block);
}

static bool is_first_wrong(const struct claims *c, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (c->list[i].is_wrong && c->list[i].cache == c->list[at].cache)
			return false;
	return c->list[at].is_wrong;
}

const struct claim *claims_next_wrong(const struct claims *c, size_t *at)
{
	while (*at < c->len) {
		size_t i = (*at)++;

		if (is_first_wrong(c, i))
			return &c->list[i];
	}
	return NULL;
}
