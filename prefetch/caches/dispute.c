#include "caches/dispute.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct naming {
	const char *(*url_of)(const void *ctx, uint32_t cache);
	const void *ctx;
};

static void fill_word(struct dispute_word *w, const struct resolver_word *from,
		      const struct naming *naming)
{
	struct nf_hash hash = { .algo = NF_SHA256 };

	memcpy(hash.bytes, from->nar_hash, sizeof(from->nar_hash));
	nf_hash_format(w->nar_hash, &hash, NF_NIX32);
	w->nar_size = from->nar_size;
	w->cache = mem_strdup(naming->url_of(naming->ctx, from->cache));
	w->vouched_by = from->vouched_by ? mem_strdup(from->vouched_by) : NULL;
}

void dispute_list_collect(struct dispute_list *ret, struct resolver *r,
			  const char *(*url_of)(const void *ctx, uint32_t cache),
			  const void *ctx)
{
	const struct naming naming = { .url_of = url_of, .ctx = ctx };
	const struct resolver_dispute *from;

	ret->total = resolver_disputes(r, &from, &ret->count);
	ret->items = mem_calloc(ret->count, sizeof(ret->items[0]));
	for (size_t i = 0; i < ret->count; i++) {
		struct dispute *d = &ret->items[i];

		d->path = mem_strdup(resolver_node(r, from[i].id)->base);
		fill_word(&d->known, &from[i].known, &naming);
		fill_word(&d->other, &from[i].other, &naming);
	}
}

void dispute_list_release(struct dispute_list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		free(l->items[i].path);
		free(l->items[i].known.cache);
		free(l->items[i].known.vouched_by);
		free(l->items[i].other.cache);
		free(l->items[i].other.vouched_by);
	}
	free(l->items);
	*l = (struct dispute_list){ 0 };
}
