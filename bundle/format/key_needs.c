#include "format/key_needs.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/slice.h"
#include "format/ca.h"
#include "format/signature.h"

/* Keys are bits of a word; signers beyond that are ignored. */
#define KEYS_MAX 64
/* For up to this many keys, every combination is tried; for more, a good one is
 * computed. */
#define EXACT_MAX 12

struct candidate {
	char *name;
	char *text; /* or NULL */
};

struct key_survey {
	struct key_survey_rings rings;
	struct candidate keys[KEYS_MAX];
	size_t key_count;
	uint64_t *masks; /* for each path that needs a key: the keys that would suffice */
	size_t count;
	size_t cap;
	size_t own;
	size_t by_nobody;
};

void nf_key_needs_release(struct nf_key_needs *n)
{
	for (size_t i = 0; i < n->count; i++) {
		free(n->items[i].name);
		free(n->items[i].text);
	}
	free(n->items);
	*n = (struct nf_key_needs){ 0 };
}

struct key_survey *key_survey_new(const struct key_survey_rings *rings)
{
	struct key_survey *s = mem_calloc(1, sizeof(*s));

	s->rings = *rings;
	return s;
}

void key_survey_free(struct key_survey *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->key_count; i++) {
		free(s->keys[i].name);
		free(s->keys[i].text);
	}
	free(s->masks);
	free(s);
}

/* ---- keys that suffice for one path ---- */

/* The bit of a key; TEXT is NULL if only its name is known. 0 if there are too many. */
static uint64_t bit_of(struct key_survey *s, struct nf_slice name, const char *text)
{
	for (size_t i = 0; i < s->key_count; i++) {
		const struct candidate *k = &s->keys[i];

		if (nf_slice_is(name, k->name) &&
		    (text ? k->text && !strcmp(text, k->text) : !k->text))
			return 1ULL << i;
	}
	if (s->key_count == KEYS_MAX)
		return 0;
	s->keys[s->key_count].name = mem_strndup(name.ptr, name.len);
	s->keys[s->key_count].text = text ? mem_strdup(text) : NULL;
	return 1ULL << s->key_count++;
}

/* The keys of RING that have signed MESSAGE. */
static uint64_t verified_by(struct key_survey *s, const struct nf_keyring *ring,
			    const struct nf_pathinfo *info, struct nf_slice message)
{
	uint64_t mask = 0;
	size_t key;

	for (size_t i = 0; ring && i < info->nsigs; i++) {
		AUTO_FREE char *text = NULL;

		if (nf_keyring_find(ring, info->sigs[i], message.ptr, message.len, &key,
				    NULL))
			continue;
		text = nf_keyring_format(ring, key);
		mask |= bit_of(s, signature_signer(info->sigs[i]), text);
	}
	return mask;
}

static uint64_t named_signers(struct key_survey *s, const struct nf_pathinfo *info)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < info->nsigs; i++)
		if (signature_is_name(signature_signer(info->sigs[i])))
			mask |= bit_of(s, signature_signer(info->sigs[i]), NULL);
	return mask;
}

static bool is_own(const struct key_survey *s, const struct nf_pathinfo *info,
		   struct nf_slice message)
{
	size_t key;

	for (size_t i = 0; s->rings.own && i < info->nsigs; i++)
		if (!nf_keyring_find(s->rings.own, info->sigs[i], message.ptr,
				     message.len, &key, NULL))
			return true;
	return false;
}

void key_survey_add(struct key_survey *s, const struct nf_pathinfo *info)
{
	AUTO_FREE char *message = NULL;
	struct nf_slice bytes;
	uint64_t mask = 0;

	if (info->ca.len && !ca_check_path(info, NULL))
		return;
	message = nf_pathinfo_fingerprint(info);
	bytes = nf_slice_str(message);
	if (is_own(s, info, bytes)) {
		s->own++;
		return;
	}
	for (size_t i = 0; !mask && i < ARRAY_SIZE(s->rings.others); i++)
		mask = verified_by(s, s->rings.others[i], info, bytes);
	if (!mask)
		mask = named_signers(s, info);
	if (!mask) {
		s->by_nobody++;
		return;
	}
	MEM_GROW(s->masks, s->count, s->cap);
	s->masks[s->count++] = mask;
}

/* ---- the smallest set that suffices ---- */

struct key_choice {
	uint64_t *masks; /* without duplicates */
	size_t count;
	uint64_t keys; /* union of all of them */
};

static int cmp_masks(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static bool suffices(const struct key_choice *c, uint64_t keys)
{
	for (size_t i = 0; i < c->count; i++)
		if (!(c->masks[i] & keys))
			return false;
	return true;
}

/* Distributes the COUNT lowest bits of N over the bits of KEYS. */
static uint64_t spread(uint64_t n, uint64_t keys)
{
	uint64_t out = 0;

	for (; n; n >>= 1, keys &= keys - 1)
		if (n & 1)
			out |= keys & -keys;
	return out;
}

static uint64_t try_all(const struct key_choice *c)
{
	uint64_t best = c->keys;
	uint64_t end = 1ULL << __builtin_popcountll(c->keys);

	for (uint64_t n = 1; n < end; n++) {
		uint64_t keys = spread(n, c->keys);

		if (__builtin_popcountll(keys) < __builtin_popcountll(best) &&
		    suffices(c, keys))
			best = keys;
	}
	return best;
}

/* Starts with all keys and removes each that is unnecessary, the last first. */
static uint64_t spare_some(const struct key_choice *c)
{
	uint64_t keys = c->keys;

	for (size_t i = KEYS_MAX; i > 0; i--) {
		uint64_t fewer = keys & ~(1ULL << (i - 1));

		if (fewer != keys && suffices(c, fewer))
			keys = fewer;
	}
	return keys;
}

static uint64_t choose(const struct key_survey *s)
{
	struct key_choice c = { .masks =
					mem_dup(s->masks, s->count * sizeof(*s->masks)) };
	uint64_t keys = 0;

	if (s->count)
		qsort(c.masks, s->count, sizeof(*c.masks), cmp_masks);
	for (size_t i = 0; i < s->count; i++) {
		if (c.count && c.masks[c.count - 1] == c.masks[i])
			continue;
		c.masks[c.count++] = c.masks[i];
		c.keys |= c.masks[i];
	}
	if (c.count)
		keys = __builtin_popcountll(c.keys) <= EXACT_MAX ? try_all(&c)
								 : spare_some(&c);
	free(c.masks);
	return keys;
}

/* ---- the result ---- */

/* Of two equivalent keys, prefer the one that everyone trusts by default. */
static bool is_default(const struct candidate *k)
{
	return k->text && !strcmp(k->text, NF_DEFAULT_PUBLIC_KEY);
}

static int cmp_candidates(const struct candidate *a, const struct candidate *b)
{
	int c = is_default(b) - is_default(a);

	if (!c)
		c = strcmp(a->name, b->name);
	return c ? c : strcmp(a->text ? a->text : "", b->text ? b->text : "");
}

/* Sorts the keys, and moves the bits of the masks accordingly. */
static void sort_keys(struct key_survey *s)
{
	uint8_t rank[KEYS_MAX];
	struct candidate sorted[KEYS_MAX];

	for (size_t i = 0; i < s->key_count; i++) {
		rank[i] = 0;
		for (size_t k = 0; k < s->key_count; k++)
			rank[i] += cmp_candidates(&s->keys[k], &s->keys[i]) < 0;
		sorted[rank[i]] = s->keys[i];
	}
	memcpy(s->keys, sorted, s->key_count * sizeof(*sorted));
	for (size_t i = 0; i < s->count; i++) {
		uint64_t mask = 0;

		for (size_t k = 0; k < s->key_count; k++)
			mask |= (s->masks[i] >> k & 1) << rank[k];
		s->masks[i] = mask;
	}
}

void key_survey_finish(struct key_survey *s, struct nf_key_needs *ret)
{
	size_t place[KEYS_MAX];
	uint64_t keys;

	sort_keys(s);
	keys = choose(s);
	*ret = (struct nf_key_needs){ .by_own = s->own, .by_nobody = s->by_nobody };
	ret->items = mem_calloc(s->key_count, sizeof(*ret->items));
	for (size_t i = 0; i < s->key_count; i++) {
		if (!(keys >> i & 1))
			continue;
		place[i] = ret->count;
		ret->items[ret->count++] = (struct nf_key_need){
			.name = mem_strdup(s->keys[i].name),
			.text = s->keys[i].text ? mem_strdup(s->keys[i].text) : NULL
		};
	}
	for (size_t i = 0; i < s->count; i++)
		ret->items[place[__builtin_ctzll(s->masks[i] & keys)]].paths++;
}
