#include "fetch/lookup_here.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---- what an answer means for what is here ---- */

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

bool lookup_here_lacks_sigs(const struct engine *e, uint32_t node)
{
	return has_node(e->unsigned_here, e->unsigned_len, node);
}

/* Of the two: where NARs go, or one of the sources. */
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
	rc = resolver_found(e->resolver, node, e->firsts->index, ni, t, err);
	if (!rc)
		download_found(e, node, e->firsts->index);
	return rc;
}

/* The pool may have a NAR for which it has no signature that is trusted now: a cache that
 * vouches for the same facts vouches for that NAR. */
static bool is_in_pool(struct engine *e, uint32_t node, const struct nf_trusted *t)
{
	struct nf_narinfo ni;
	struct nf_err err;
	int rc;

	if (!has_node(e->doubted, e->doubted_len, node))
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

void lookup_here_take_first(struct cache *c, uint32_t node, const struct nf_trusted *t)
{
	struct engine *e = c->engine;
	/* As a source, the pool is no better than the store that has it too. */
	bool in_pool =
		(c->role == CACHE_SUBSTITUTER || !destination_is_store(e->destination)) &&
		is_in_pool(e, node, t);

	if (!resolver_node(e->resolver, node)->here)
		engine_want_nar(e, node, in_pool || c->role != CACHE_SUBSTITUTER);
}

/* ---- questions ---- */

/* Nodes are asked for in the order of their numbers. */
static void doubt(struct engine *e, uint32_t node)
{
	MEM_GROW(e->doubted, e->doubted_len, e->doubted_cap);
	e->doubted[e->doubted_len++] = node;
}

static int find_first(struct cache *c, const struct nf_storepath *path,
		      struct nf_narinfo *ni, struct nf_err *err)
{
	if (c->role == CACHE_POOL)
		return pool_find(c->engine->opts->pool, path, ni, err);
	return local_source_find(c->local, path, ni, err);
}

static bool has_more_sigs(const struct nf_pathinfo *info, const struct nf_pathinfo *than)
{
	for (size_t i = 0; i < info->nsigs; i++) {
		size_t k = 0;

		while (k < than->nsigs && !nf_slice_eq(info->sigs[i], than->sigs[k]))
			k++;
		if (k == than->nsigs)
			return true;
	}
	return false;
}

/* A path that is there stays as it is, but may lack signatures: what this machine has of
 * them costs nothing, and caches are asked where none of a trusted key is there. */
static void complete_sigs(struct engine *e, uint32_t node, const struct nf_trusted *t)
{
	struct nf_trusted told;
	struct nf_err err;

	if (e->opts->dry_run)
		return;
	for (size_t i = 0; i < e->first_count; i++) {
		AUTO(nf_narinfo_release) struct nf_narinfo ni = { 0 };

		if (find_first(&e->firsts[i], &t->info->path, &ni, &err) ||
		    !has_more_sigs(&ni.info, t->info))
			continue;
		/* Those by trusted keys are to come first. */
		if (nf_trust_pathinfo(&told, &ni.info, e->opts->keys, NULL))
			nf_trust_by_store(&told, &ni.info);
		destination_offer_sigs(e->destination, &ni.info);
	}
	if (!t->by_store || !e->opts->substituter_count)
		return;
	MEM_GROW(e->unsigned_here, e->unsigned_len, e->unsigned_cap);
	e->unsigned_here[e->unsigned_len++] = node;
	resolver_asked(e->resolver, node, (uint16_t)e->opts->substituter_count);
}

/* Asking changes nothing. */
static void mark_used(struct engine *e, const struct nf_storepath *path)
{
	if (!e->opts->dry_run && !e->ask)
		pool_mark_used(e->opts->pool, path);
}

/* What is there already, needs no cache. */
static bool ask_destination(struct engine *e, uint32_t node)
{
	AUTO(nf_narinfo_release) struct nf_narinfo ni = { 0 };
	struct nf_storepath path;
	struct nf_trusted t;
	struct nf_err err;
	int rc;

	resolver_path(e->resolver, node, &path);
	rc = destination_find(e->destination, &path, e->opts->keys, &ni, &t, &err);
	e->left_out_here += ni.info.left_out;
	if (rc == -NF_E_TRUST)
		doubt(e, node);
	if (!rc)
		rc = resolver_found(e->resolver, node, RESOLVER_HERE, &ni, &t, &err);
	if (rc == -NF_E_UNSUPPORTED && destination_is_store(e->destination)) {
		progress_note(e->opts->progress, "%s; it stays as it is", err.text);
		return false;
	}
	if (rc && rc != -NF_E_MISSING && destination_is_store(e->destination)) {
		engine_fail(e, path.base, rc, err.text);
		e->stopping = true;
	}
	if (rc)
		return false;
	if (destination_is_store(e->destination)) {
		e->result->present++;
		complete_sigs(e, node, &t);
	} else {
		e->result->in_pool++;
		mark_used(e, &path);
		e->here_bytes += ni.file_size;
	}
	return true;
}

/* Signatures of what the store has are looked at where they matter: when its NAR comes
 * into the pool. */
static int judge_first(const struct cache *c, struct nf_trusted *ret,
		       struct nf_pathinfo *info, struct nf_err *err)
{
	if (c->role == CACHE_POOL)
		return nf_trust_pathinfo(ret, info, c->engine->opts->keys, err);
	nf_trust_by_store(ret, info);
	return 0;
}

/* Nor does what this machine has elsewhere. */
static bool ask_first(struct cache *c, uint32_t node)
{
	AUTO(nf_narinfo_release) struct nf_narinfo ni = { 0 };
	struct engine *e = c->engine;
	struct nf_storepath path;
	struct nf_trusted t;
	struct nf_err err;
	int rc;

	resolver_path(e->resolver, node, &path);
	rc = find_first(c, &path, &ni, &err);
	if (rc && err_is_shortage(&err)) {
		engine_broken(e, c->conf->path, rc, err.text);
	} else if (rc && rc != -NF_E_MISSING) {
		progress_note(e->opts->progress, "%s", err.text);
		resolver_set_reason(e->resolver, node, rc, err.text);
	}
	if (!rc)
		rc = judge_first(c, &t, &ni.info, &err);
	if (rc == -NF_E_TRUST)
		doubt(e, node);
	if (rc)
		return false;
	c->left_out += ni.info.left_out;
	resolver_asked(e->resolver, node, 1);
	rc = lookup_take(c, node, &ni, &t, &err);
	if (!rc && c->role == CACHE_POOL) {
		e->result->in_pool++;
		mark_used(e, &path);
	} else if (!rc && !resolver_node(e->resolver, node)->here) {
		e->result->in_store++;
	}
	return !rc;
}

/* From the one with that number on. */
static bool ask_firsts(struct engine *e, uint32_t node, size_t from)
{
	for (size_t i = from; i < e->first_count; i++)
		if (ask_first(&e->firsts[i], node))
			return true;
	return false;
}

void lookup_here_ask(struct engine *e, uint32_t node)
{
	if (!ask_destination(e, node) && !ask_firsts(e, node, 0))
		resolver_asked(e->resolver, node, (uint16_t)e->opts->substituter_count);
}

/* On this machine, where was asked before the caches. */
static bool is_here(const struct engine *e, const struct resolver_node *n)
{
	return n->here || (n->sources && n->sources->cache >= e->opts->substituter_count);
}

void lookup_again(struct engine *e, uint32_t node, const struct cache *from)
{
	if (!is_here(e, resolver_node(e->resolver, node)) ||
	    ask_firsts(e, node, (size_t)(from - e->firsts) + 1))
		return;
	MEM_GROW(e->again, e->again_len, e->again_cap);
	e->again[e->again_len++] = node;
	resolver_asked(e->resolver, node, (uint16_t)e->opts->substituter_count);
}

bool lookup_here_is_asked_for(const struct engine *e, uint32_t node)
{
	return !is_here(e, resolver_node(e->resolver, node)) ||
	       lookup_here_lacks_sigs(e, node);
}
