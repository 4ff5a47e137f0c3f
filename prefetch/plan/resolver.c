#include "plan/resolver.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/slice.h"

/* Nodes are allocated in blocks, so they never move. */
#define BLOCK_NODES 1024
/* Unverified answers that arrived before a trusted one. */
#define EARLY_MAX (1U << 20)

struct early {
	uint32_t id, cache;
	uint8_t nar_hash[32];
	uint64_t nar_size;
};

struct resolver {
	struct resolver_node **blocks;
	size_t block_count, block_cap;
	uint32_t count;
	uint32_t open;
	struct map by_base;
	struct arena arena;
	const char **names; /* who vouches, without duplicates */
	size_t name_count, name_cap;
	void (*settled)(void *ctx, uint32_t id, const struct nf_narinfo *ni);
	void *settled_ctx;
	struct early *early;
	size_t early_count, early_cap;
	struct resolver_dispute *disputes;
	size_t dispute_count, dispute_cap;
	size_t dispute_total;
};

struct resolver *resolver_new(void)
{
	struct resolver *r = mem_calloc(1, sizeof(*r));

	map_init(&r->by_base);
	arena_init(&r->arena);
	return r;
}

void resolver_set_settled(struct resolver *r,
			  void (*settled)(void *ctx, uint32_t id,
					  const struct nf_narinfo *ni),
			  void *ctx)
{
	r->settled = settled;
	r->settled_ctx = ctx;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->block_count; i++)
		free(r->blocks[i]);
	free(r->blocks);
	free(r->names);
	free(r->early);
	free(r->disputes);
	map_release(&r->by_base);
	arena_release(&r->arena);
	free(r);
}

static struct resolver_node *node_at(const struct resolver *r, uint32_t id)
{
	return &r->blocks[id / BLOCK_NODES][id % BLOCK_NODES];
}

static uint32_t want_base(struct resolver *r, struct nf_slice base)
{
	uintptr_t *known = map_get(&r->by_base, base);
	struct resolver_node *node;
	bool is_new;
	uint32_t id;

	if (known)
		return (uint32_t)*known;
	id = r->count++;
	if (id % BLOCK_NODES == 0) {
		MEM_GROW(r->blocks, r->block_count, r->block_cap);
		r->blocks[r->block_count++] = mem_calloc(BLOCK_NODES, sizeof(*node));
	}
	node = node_at(r, id);
	node->base = arena_strndup(&r->arena, base.ptr, base.len);
	node->state = RESOLVER_WANTED;
	r->open++;
	*map_put(&r->by_base, nf_slice(node->base, base.len), &is_new) = id;
	return id;
}

uint32_t resolver_want(struct resolver *r, const struct nf_storepath *path)
{
	return want_base(r, nf_storepath_base(path));
}

uint32_t resolver_count(const struct resolver *r)
{
	return r->count;
}

const struct resolver_node *resolver_node(const struct resolver *r, uint32_t id)
{
	return node_at(r, id);
}

void resolver_path(const struct resolver *r, uint32_t id, struct nf_storepath *ret)
{
	/* Every base name here comes from a struct nf_storepath or a validated
	 * reference. */
	if (nf_storepath_parse_base(ret, nf_slice_str(node_at(r, id)->base), NULL))
		abort();
}

uint32_t resolver_open_count(const struct resolver *r)
{
	return r->open;
}

static void settle(struct resolver *r, struct resolver_node *node,
		   enum resolver_state state)
{
	if (node->state == RESOLVER_WANTED)
		r->open--;
	node->state = state;
}

static void settle_if_nobody_is_left(struct resolver *r, uint32_t id)
{
	struct resolver_node *node = node_at(r, id);

	if (node->pending || node->state != RESOLVER_WANTED)
		return;
	settle(r, node, RESOLVER_UNKNOWN);
	if (r->settled)
		r->settled(r->settled_ctx, id, NULL);
}

void resolver_asked(struct resolver *r, uint32_t id, uint16_t n)
{
	struct resolver_node *node = node_at(r, id);

	node->pending = n;
	settle_if_nobody_is_left(r, id);
}

static const char *keep_slice(struct resolver *r, struct nf_slice s)
{
	return s.len ? arena_strndup(&r->arena, s.ptr, s.len) : NULL;
}

/* There are at most as many as trusted keys. */
static const char *keep_name(struct resolver *r, const char *name)
{
	for (size_t i = 0; i < r->name_count; i++)
		if (strcmp(r->names[i], name) == 0)
			return r->names[i];
	MEM_GROW(r->names, r->name_count, r->name_cap);
	return r->names[r->name_count++] = arena_strndup(&r->arena, name, strlen(name));
}

static const char *join_sigs(struct resolver *r, const struct nf_pathinfo *info)
{
	size_t len = 0;
	char *text, *at;

	if (info->nsigs == 0)
		return NULL;
	for (size_t i = 0; i < info->nsigs; i++)
		len += info->sigs[i].len + 1;
	text = at = arena_alloc(&r->arena, len);
	for (size_t i = 0; i < info->nsigs; i++) {
		memcpy(at, info->sigs[i].ptr, info->sigs[i].len);
		at += info->sigs[i].len;
		*at++ = ' ';
	}
	at[-1] = '\0';
	return text;
}

static void follow_refs(struct resolver *r, struct resolver_node *node,
			const struct nf_pathinfo *info)
{
	if (info->nrefs == 0)
		return;
	node->nrefs = (uint32_t)info->nrefs;
	node->refs = arena_alloc(&r->arena, info->nrefs * sizeof(node->refs[0]));
	for (size_t i = 0; i < info->nrefs; i++)
		node->refs[i] = want_base(r, info->refs[i]);
}

static void keep_facts(struct resolver *r, uint32_t id, const struct nf_trusted *t)
{
	const struct nf_pathinfo *info = t->info;
	struct resolver_node *node = node_at(r, id);

	memcpy(node->nar_hash, info->nar_hash.bytes, sizeof(node->nar_hash));
	node->nar_size = info->nar_size;
	node->vouched_by = keep_name(r, t->vouched_by);
	node->by_store = t->by_store;
	node->deriver = keep_slice(r, info->deriver);
	node->ca = keep_slice(r, info->ca);
	node->sigs = join_sigs(r, info);
	if (!r->settled)
		follow_refs(r, node, info);
	settle(r, node, RESOLVER_KNOWN);
}

/* Two trusted answers for one path must agree on its content. */
static int check_agreement(const struct resolver_node *node,
			   const struct nf_pathinfo *info, struct nf_err *err)
{
	struct nf_hash known = { .algo = NF_SHA256 };
	char a[NF_HASH_TEXT_MAX], b[NF_HASH_TEXT_MAX];

	memcpy(known.bytes, node->nar_hash, sizeof(node->nar_hash));
	if (nf_hash_eq(&known, &info->nar_hash) && node->nar_size == info->nar_size)
		return 0;
	return err_set(
		err, NF_E_HASH,
		"path '%s': trusted sources disagree: NarHash %s is vouched for by '%s', but this one says %s",
		node->base, nf_hash_format(a, &known, NF_NIX32), node->vouched_by,
		nf_hash_format(b, &info->nar_hash, NF_NIX32));
}

/* ---- disputes ---- */

static void add_dispute(struct resolver *r, uint32_t id,
			const struct resolver_word *other)
{
	const struct resolver_node *node = node_at(r, id);
	struct resolver_dispute *d;

	if (r->dispute_total++ >= RESOLVER_DISPUTES_MAX)
		return;
	MEM_GROW(r->disputes, r->dispute_count, r->dispute_cap);
	d = &r->disputes[r->dispute_count++];
	d->id = id;
	d->other = *other;
	d->known.cache = node->offers ? node->offers->cache : RESOLVER_HERE;
	d->known.vouched_by = node->vouched_by;
	d->known.nar_size = node->nar_size;
	memcpy(d->known.nar_hash, node->nar_hash, sizeof(node->nar_hash));
}

static void add_trusted_dispute(struct resolver *r, uint32_t id, uint32_t cache,
				const struct nf_trusted *t)
{
	struct resolver_word other = {
		.cache = cache,
		.vouched_by = keep_name(r, t->vouched_by),
		.nar_size = t->info->nar_size,
	};

	memcpy(other.nar_hash, t->info->nar_hash.bytes, sizeof(other.nar_hash));
	add_dispute(r, id, &other);
}

/* False while there is nothing to compare it with. */
static bool compare_early(struct resolver *r, const struct early *e)
{
	const struct resolver_node *node = node_at(r, e->id);
	struct resolver_word other = { .cache = e->cache, .nar_size = e->nar_size };

	if (node->state != RESOLVER_KNOWN)
		return false;
	if (memcmp(node->nar_hash, e->nar_hash, sizeof(e->nar_hash)) == 0)
		return true;
	memcpy(other.nar_hash, e->nar_hash, sizeof(other.nar_hash));
	add_dispute(r, e->id, &other);
	return true;
}

void resolver_unvouched(struct resolver *r, uint32_t id, uint32_t cache,
			const struct nf_pathinfo *info)
{
	struct early e = { .id = id, .cache = cache, .nar_size = info->nar_size };

	memcpy(e.nar_hash, info->nar_hash.bytes, sizeof(e.nar_hash));
	if (compare_early(r, &e) || r->early_count == EARLY_MAX)
		return;
	MEM_GROW(r->early, r->early_count, r->early_cap);
	r->early[r->early_count++] = e;
}

size_t resolver_disputes(struct resolver *r, const struct resolver_dispute **ret,
			 size_t *count)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->early_count; i++)
		if (!compare_early(r, &r->early[i]))
			r->early[kept++] = r->early[i];
	r->early_count = kept;
	*ret = r->disputes;
	*count = r->dispute_count;
	return r->dispute_total;
}

static struct resolver_offer **place_of(struct resolver_node *node, uint32_t cache)
{
	struct resolver_offer **at = &node->offers;

	while (*at && (*at)->cache != cache)
		at = &(*at)->next;
	return at;
}

const struct resolver_offer *resolver_offer_of(const struct resolver *r, uint32_t id,
					       uint32_t cache)
{
	return *place_of(node_at(r, id), cache);
}

bool resolver_asks_anew(struct resolver *r, uint32_t id, uint32_t cache)
{
	struct resolver_node *node = node_at(r, id);
	struct resolver_offer *s = *place_of(node, cache);

	if (!s || s->asked_anew)
		return false;
	s->asked_anew = true;
	node->pending++;
	return true;
}

static bool tells_same(const struct resolver_offer *s, const struct nf_narinfo *ni)
{
	bool has_hash = ni->has_file_hash && ni->file_hash.algo == NF_SHA256;

	return nf_slice_eq(nf_slice_str(s->url), ni->url) &&
	       nf_slice_eq(nf_slice_str(s->compression), ni->compression) &&
	       s->file_size == ni->file_size && s->has_file_hash == has_hash &&
	       (!has_hash ||
		memcmp(s->file_hash, ni->file_hash.bytes, sizeof(s->file_hash)) == 0);
}

static void add_offer(struct resolver *r, struct resolver_node *node, uint32_t cache,
		      const struct nf_narinfo *ni, const struct nf_trusted *t)
{
	struct resolver_offer **at = place_of(node, cache), *old = *at, *s;

	if (old && tells_same(old, ni))
		return;
	s = arena_calloc(&r->arena, 1, sizeof(*s));
	s->cache = cache;
	s->vouched_by = keep_name(r, t->vouched_by);
	s->asked_anew = old != NULL;
	s->next = old ? old->next : NULL;
	s->url = keep_slice(r, ni->url);
	s->compression = keep_slice(r, ni->compression);
	/* A size that is impossible is ignored. */
	if (ni->file_size <= NAR_FILE_SIZE_MAX(ni->info.nar_size))
		s->file_size = ni->file_size;
	s->has_file_hash = ni->has_file_hash && ni->file_hash.algo == NF_SHA256;
	if (s->has_file_hash)
		memcpy(s->file_hash, ni->file_hash.bytes, sizeof(s->file_hash));
	*at = s;
}

int resolver_found(struct resolver *r, uint32_t id, uint32_t cache,
		   const struct nf_narinfo *ni, const struct nf_trusted *t,
		   struct nf_err *err)
{
	struct resolver_node *node = node_at(r, id);
	bool first = node->state == RESOLVER_WANTED;
	int rc = 0;

	if (cache != RESOLVER_HERE)
		node->pending--;
	if (first)
		keep_facts(r, id, t);
	else
		rc = check_agreement(node, t->info, err);
	if (rc) {
		add_trusted_dispute(r, id, cache, t);
		return rc;
	}
	if (cache == RESOLVER_HERE)
		node->here = true;
	else
		add_offer(r, node, cache, ni, t);
	if (first && r->settled)
		r->settled(r->settled_ctx, id, ni);
	return 0;
}

void resolver_set_reason(struct resolver *r, uint32_t id, int code, const char *text)
{
	struct resolver_node *node = node_at(r, id);

	if (err_gravity(code) <= err_gravity(node->why))
		return;
	node->why = code < 0 ? -code : code;
	node->why_text = arena_strndup(&r->arena, text, strlen(text));
}

static const char *keep_text(struct resolver *r, const char *text)
{
	return text ? arena_strndup(&r->arena, text, strlen(text)) : NULL;
}

/* The report must not depend on which cache answers first. */
static bool is_graver(const struct resolver_reason *a, const struct resolver_reason *b)
{
	int x = err_gravity(a->code), y = b ? err_gravity(b->code) : 0;

	if (x != y || !b)
		return x > y;
	return a->cause != b->cause ? a->cause > b->cause : a->cache < b->cache;
}

static void keep_reason(struct resolver *r, struct resolver_node *node,
			const struct resolver_reason *why)
{
	struct resolver_reason *kept;

	if (!is_graver(why, node->reason))
		return;
	kept = arena_calloc(&r->arena, 1, sizeof(*kept));
	*kept = *why;
	kept->code = why->code < 0 ? -why->code : why->code;
	kept->text = keep_text(r, why->text);
	kept->detail = keep_text(r, why->detail);
	kept->signers = keep_text(r, why->signers);
	node->reason = kept;
	/* A failure of this machine may be more severe. */
	if (err_gravity(kept->code) < err_gravity(node->why))
		return;
	node->why = kept->code;
	node->why_text = kept->text;
}

/* A known path may still be unavailable: then the caches that did not help count,
 * including those that answered late. For one that helped, the error of its NAR
 * counts. */
static bool may_have_helped(const struct resolver *r, uint32_t id,
			    const struct resolver_reason *why)
{
	return err_gravity(why->code) > err_gravity(NF_E_MISSING) &&
	       !resolver_offer_of(r, id, why->cache);
}

void resolver_not_found(struct resolver *r, uint32_t id,
			const struct resolver_reason *why)
{
	struct resolver_node *node = node_at(r, id);

	node->pending--;
	if (node->state == RESOLVER_WANTED || may_have_helped(r, id, why))
		keep_reason(r, node, why);
	settle_if_nobody_is_left(r, id);
}

int resolver_trusted(const struct resolver *r, uint32_t id, const struct nf_keyring *keys,
		     struct nf_pathinfo *info, struct nf_trusted *t, struct nf_err *err)
{
	const struct resolver_node *node = node_at(r, id);
	struct nf_slice sigs = nf_slice_str(node->sigs ? node->sigs : "");
	int rc = 0;

	nf_pathinfo_init(info);
	resolver_path(r, id, &info->path);
	info->nar_hash.algo = NF_SHA256;
	memcpy(info->nar_hash.bytes, node->nar_hash, sizeof(node->nar_hash));
	info->nar_size = node->nar_size;
	for (uint32_t i = 0; !rc && i < node->nrefs; i++)
		rc = nf_pathinfo_add_ref(
			info, nf_slice_str(node_at(r, node->refs[i])->base), err);
	if (node->deriver)
		nf_pathinfo_set_deriver(info, nf_slice_str(node->deriver));
	while (sigs.len)
		nf_pathinfo_add_sig(info, slice_cut(&sigs, ' '));
	if (node->ca)
		nf_pathinfo_set_ca(info, nf_slice_str(node->ca));
	if (rc)
		return rc;
	rc = nf_trust_pathinfo(t, info, keys, err);
	if (!rc || !node->by_store)
		return rc;
	nf_trust_by_store(t, info);
	return 0;
}
