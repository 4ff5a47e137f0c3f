#include "fetch/lookup_local.h"

#include "base/mem.h"
#include "fetch/answer.h"
#include "fetch/wanted_nar.h"

/* ---- queries ---- */

/* Nodes are queried in numerical order. */
static void doubt(struct engine *e, uint32_t node)
{
	MEM_GROW(e->here.doubted, e->here.doubted_len, e->here.doubted_cap);
	e->here.doubted[e->here.doubted_len++] = node;
}

static int find_in_local(struct cache *c, const struct nf_storepath *path,
			 struct nf_narinfo *ni, struct nf_err *err)
{
	if (c->role == CACHE_POOL)
		return pool_find(c->engine->opts->pool, path, ni, err);
	return local_cache_find(c->local, path, ni, err);
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

/* A present path stays as it is, but may lack signatures: those on this machine are free,
 * and caches are queried only if none is by a trusted key. */
static void complete_sigs(struct engine *e, uint32_t node, const struct nf_trusted *t)
{
	struct nf_trusted told;
	struct nf_err err;

	if (e->opts->dry_run)
		return;
	for (size_t i = 0; i < e->here.count; i++) {
		AUTO(nf_narinfo_release) struct nf_narinfo ni = { 0 };

		if (find_in_local(&e->here.caches[i], &t->info->path, &ni, &err) ||
		    !has_more_sigs(&ni.info, t->info))
			continue;
		/* Those by trusted keys come first. */
		if (nf_trust_pathinfo(&told, &ni.info, e->opts->keys, NULL))
			nf_trust_by_store(&told, &ni.info);
		destination_offer_sigs(e->destination, &ni.info);
	}
	if (!t->by_store || !e->opts->substituter_count)
		return;
	MEM_GROW(e->here.unsigned_nodes, e->here.unsigned_len, e->here.unsigned_cap);
	e->here.unsigned_nodes[e->here.unsigned_len++] = node;
	resolver_asked(e->resolver, node, (uint16_t)e->opts->substituter_count);
}

/* A query changes nothing. */
static void mark_used(struct engine *e, const struct nf_storepath *path)
{
	if (!e->opts->dry_run && !e->lookups.ask)
		pool_mark_used(e->opts->pool, path);
}

/* Its references are not followed: who has a path has these too. */
static bool ask_inventory(struct engine *e, uint32_t node)
{
	AUTO(nf_narinfo_release) struct nf_narinfo ni = { 0 };
	const struct nf_bundle_required *had;
	struct nf_storepath path;
	struct nf_trusted t;

	resolver_path(e->resolver, node, &path);
	had = inventory_find(e->opts->have, nf_storepath_base(&path));
	if (!had)
		return false;
	nf_narinfo_init(&ni);
	ni.info.path = path;
	ni.info.nar_hash = had->nar_hash;
	nf_trust_by_store(&t, &ni.info);
	if (resolver_found(e->resolver, node, RESOLVER_HERE, &ni, &t, NULL))
		return false;
	e->result->present++;
	return true;
}

static bool ask_daemon(struct engine *e, uint32_t node)
{
	AUTO(nf_narinfo_release) struct nf_narinfo ni = { 0 };
	struct nf_storepath path;
	struct nf_trusted t;
	struct nf_err err;
	int rc;

	nf_narinfo_init(&ni);
	resolver_path(e->resolver, node, &path);
	rc = daemon_target_find(e->opts->daemon, &path, &ni.info, &err);
	if (!rc && nf_trust_pathinfo(&t, &ni.info, e->opts->keys, NULL))
		nf_trust_by_store(&t, &ni.info);
	if (!rc)
		rc = resolver_found(e->resolver, node, RESOLVER_HERE, &ni, &t, &err);
	if (rc && rc != -NF_E_MISSING) {
		engine_fail(e, path.base, rc, err.text);
		e->stopping = true;
	}
	e->result->present += !rc;
	return !rc;
}

/* No cache is queried for what is present. */
static bool ask_destination(struct engine *e, uint32_t node)
{
	AUTO(nf_narinfo_release) struct nf_narinfo ni = { 0 };
	struct nf_storepath path;
	struct nf_trusted t;
	struct nf_err err;
	int rc;

	resolver_path(e->resolver, node, &path);
	rc = destination_find(e->destination, &path, e->opts->keys, &ni, &t, &err);
	e->here.dropped_texts += ni.info.left_out;
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
		e->here.bytes += ni.file_size;
	}
	return true;
}

/* The signatures of a path in the store are checked when they matter: when its NAR enters
 * the pool. */
static int judge_first(const struct cache *c, struct nf_trusted *ret,
		       struct nf_pathinfo *info, struct nf_err *err)
{
	if (c->role == CACHE_POOL)
		return nf_trust_pathinfo(ret, info, c->engine->opts->keys, err);
	nf_trust_by_store(ret, info);
	return 0;
}

/* Nor for what this machine has elsewhere. */
static bool ask_one_local(struct cache *c, uint32_t node)
{
	AUTO(nf_narinfo_release) struct nf_narinfo ni = { 0 };
	struct engine *e = c->engine;
	struct nf_storepath path;
	struct nf_trusted t;
	struct nf_err err;
	int rc;

	resolver_path(e->resolver, node, &path);
	rc = find_in_local(c, &path, &ni, &err);
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
	rc = answer_take(c, node, &ni, &t, &err);
	if (!rc && c->role == CACHE_POOL) {
		e->result->in_pool++;
		mark_used(e, &path);
	} else if (!rc && !resolver_node(e->resolver, node)->here) {
		e->result->in_store++;
	}
	return !rc;
}

/* From this number on. */
static bool ask_locals(struct engine *e, uint32_t node, size_t from)
{
	for (size_t i = from; i < e->here.count; i++)
		if (ask_one_local(&e->here.caches[i], node))
			return true;
	return false;
}

void lookup_local_ask(struct engine *e, uint32_t node)
{
	if (e->opts->caches_only) {
		resolver_asked(e->resolver, node, (uint16_t)e->opts->substituter_count);
		return;
	}
	if (e->opts->have && ask_inventory(e, node))
		return;
	if (e->opts->daemon && ask_daemon(e, node))
		return;
	if (!ask_destination(e, node) && !ask_locals(e, node, 0))
		resolver_asked(e->resolver, node, (uint16_t)e->opts->substituter_count);
}

/* Whether it is present, or on this machine among the caches that are queried first. */
static bool is_here(const struct engine *e, const struct resolver_node *n)
{
	return n->here || (n->offers && n->offers->cache >= e->opts->substituter_count);
}

void lookup_local_again(struct engine *e, uint32_t node, const struct cache *from)
{
	if (!is_here(e, resolver_node(e->resolver, node)) ||
	    ask_locals(e, node, (size_t)(from - e->here.caches) + 1))
		return;
	MEM_GROW(e->here.again, e->here.again_len, e->here.again_cap);
	e->here.again[e->here.again_len++] = node;
	resolver_asked(e->resolver, node, (uint16_t)e->opts->substituter_count);
}

bool lookup_local_is_asked_for(const struct engine *e, uint32_t node)
{
	return !is_here(e, resolver_node(e->resolver, node)) ||
	       answer_lacks_sigs(e, node);
}
