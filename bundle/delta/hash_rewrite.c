#include "delta/hash_rewrite.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/map.h"
#include "base/mem.h"

#define PART NF_STOREPATH_HASH_LEN

struct hash_rewrite {
	struct map by_old; /* the new hash part */
	bool is_char[256]; /* of Nix32 */
};

struct hash_rewrite *hash_rewrite_new(const struct nf_bundle_rewrite *pairs, size_t count)
{
	struct hash_rewrite *r = mem_calloc(1, sizeof(*r));

	map_init(&r->by_old);
	for (size_t i = 0; i < count; i++)
		*map_put(&r->by_old, nf_slice(pairs[i].from, PART), &(bool){ false }) =
			(uintptr_t)pairs[i].to;
	for (size_t c = 0; c < 256; c++)
		r->is_char[c] = nix32_is_alphabet((char)c);
	return r;
}

void hash_rewrite_free(struct hash_rewrite *r)
{
	if (!r)
		return;
	map_release(&r->by_old);
	free(r);
}

/* The first place from AT on where PART characters of Nix32 begin; beyond LEN - PART if
 * there is none. Looks at the last character first: most bytes are never read. */
static size_t next_run(const struct hash_rewrite *r, const char *p, size_t len, size_t at)
{
	while (at + PART <= len) {
		size_t i = PART;

		while (i && r->is_char[(unsigned char)p[at + i - 1]])
			i--;
		if (!i)
			break;
		at += i;
	}
	return at;
}

/* The new hash part of the first place from *AT on, or NULL. */
static const char *next_match(const struct hash_rewrite *r, const char *p, size_t len,
			      size_t *at)
{
	for (;; ++*at) {
		const uintptr_t *to;

		*at = next_run(r, p, len, *at);
		if (*at + PART > len)
			return NULL;
		to = map_get(&r->by_old, nf_slice(p + *at, PART));
		if (to)
			return (const char *)*to;
	}
}

size_t hash_rewrite_run(const struct hash_rewrite *r, char *p, size_t len)
{
	const char *to;
	size_t at = 0;

	if (!r)
		return len;
	while ((to = next_match(r, p, len, &at))) {
		memcpy(p + at, to, PART);
		at += PART;
	}
	return at < len ? at : len;
}

bool hash_rewrite_has(const struct hash_rewrite *r, const char *p, size_t len,
		      size_t count)
{
	size_t at = 0;

	return r && next_match(r, p, len, &at) && at < count;
}
