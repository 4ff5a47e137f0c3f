#include "fetch/answer.h"

#include <stdlib.h>

#include "fetch/wanted_nar.h"

static bool has_same_facts(const struct nf_pathinfo *a, const struct nf_pathinfo *b)
{
	if (!nf_hash_eq(&a->nar_hash, &b->nar_hash) || a->nar_size != b->nar_size ||
	    a->nrefs != b->nrefs)
		return false;
	for (size_t i = 0; i < a->nrefs; i++)
		if (!nf_slice_eq(a->refs[i], b->refs[i]))
			return false;
	return true;
}

static int compare_nodes(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static bool has_node(const uint32_t *list, size_t len, uint32_t node)
{
	return len && bsearch(&node, list, len, sizeof(node), compare_nodes);
}

bool answer_lacks_sigs(const struct engine *e, uint32_t node)
{
	return has_node(e->here.unsigned_nodes, e->here.unsigned_len, node);
}

/* Which of the two: the destination, or one of the local caches. */
static int take_from_pool(struct engine *e, uint32_t node, const struct nf_narinfo *ni,
			  const struct nf_trusted *t, struct nf_err *err)
{
	uint16_t pending = resolver_node(e->resolver, node)->pending;
	int rc;

	if (!destination_is_store(e->destination)) {
		rc = e->opts->dry_run ? 0 : pool_add_sigs(e->opts->pool, t->info, err);
		return rc ? rc
			  : resolver_found(e->resolver, node, RESOLVER_HERE, ni, t, err);
	}
	resolver_asked(e->resolver, node, pending + 1);
	rc = resolver_found(e->resolver, node, e->here.caches->index, ni, t, err);
	if (!rc)
		wanted_nar_found(e, node, e->here.caches->index);
	return rc;
}

/* The pool may have a NAR without a signature that is trusted now: a cache that vouches
 * for the same metadata vouches for that NAR. */
static bool is_in_pool(struct engine *e, uint32_t node, const struct nf_trusted *t)
{
	struct nf_narinfo ni;
	struct nf_err err;
	int rc;

	if (!has_node(e->here.doubted, e->here.doubted_len, node))
		return false;
	rc = pool_find(e->opts->pool, &t->info->path, &ni, &err);
	if (!rc && (!has_same_facts(&ni.info, t->info) || (t->by_store && !ni.by_store)))
		rc = -NF_E_MISSING;
	if (!rc)
		rc = take_from_pool(e, node, &ni, t, &err);
	nf_narinfo_release(&ni);
	e->result->in_pool += !rc;
	return rc == 0;
}

static void take_first(struct cache *c, uint32_t node, const struct nf_trusted *t)
{
	struct engine *e = c->engine;
	/* The pool is not a better source than a store that also has the NAR. */
	bool in_pool =
		(c->role == CACHE_SUBSTITUTER || !destination_is_store(e->destination)) &&
		is_in_pool(e, node, t);

	if (!resolver_node(e->resolver, node)->here)
		wanted_nar_add(e, node, in_pool || c->role != CACHE_SUBSTITUTER);
}

int answer_take(struct cache *c, uint32_t node, const struct nf_narinfo *ni,
		const struct nf_trusted *t, struct nf_err *err)
{
	struct engine *e = c->engine;
	bool first = resolver_node(e->resolver, node)->state == RESOLVER_WANTED;
	const struct resolver_offer *before =
		resolver_offer_of(e->resolver, node, c->index);
	int rc;

	/* If it fails, trusted sources disagree: the report shows that. */
	rc = resolver_found(e->resolver, node, c->index, ni, t, err);
	if (first)
		take_first(c, node, t);
	else if (!rc && answer_lacks_sigs(e, node))
		destination_offer_sigs(e->destination, t->info);
	if (!rc && resolver_offer_of(e->resolver, node, c->index) != before)
		wanted_nar_found(e, node, c->index);
	wanted_nar_answered(e, node);
	return rc;
}
