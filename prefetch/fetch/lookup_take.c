#include "fetch/lookup_take.h"

#include <string.h>

#include "base/mem.h"
#include "fetch/answer.h"
#include "fetch/cache.h"

static int judge_answer(const struct cache *c, struct nf_trusted *ret,
			struct nf_pathinfo *info, struct nf_err *err)
{
	int rc = nf_trust_pathinfo(ret, info, c->engine->opts->keys, err);

	if (!rc || !c->conf->trusted)
		return rc;
	nf_trust_by_store(ret, info);
	return 0;
}

/* An answer; or, with RC and ERR, its fault. */
void lookup_take_answer(struct cache *c, uint32_t node, struct nf_narinfo *ni, int rc,
			struct nf_err *err)
{
	struct nf_trusted t;

	if (!rc) {
		rc = judge_answer(c, &t, &ni->info, err);
		if (rc == -NF_E_TRUST)
			resolver_unvouched(c->engine->resolver, node, c->index,
					   &ni->info);
	}
	if (rc)
		lookup_why_useless(c, node, ni, rc, err->text);
	else
		rc = answer_take(c, node, ni, &t, err);
	c->left_out += ni->info.left_out;
	c->stats->narinfos++;
	progress_add(c->engine->opts->progress, PROGRESS_RESOLVED, 1);
	if (rc == -NF_E_FORMAT)
		cache_event(c, HEALTH_OK, err->text);
}

void lookup_take_narinfo(struct cache *c, uint32_t node, struct nf_slice text)
{
	AUTO(nf_narinfo_release) struct nf_narinfo ni = { 0 };
	struct nf_storepath wanted;
	struct nf_err err;
	int rc;

	resolver_path(c->engine->resolver, node, &wanted);
	rc = nf_narinfo_parse_for(&ni, &wanted, text, &err);
	if (rc)
		err_prefix(&err, rc, "narinfo of '%s'", wanted.base);
	lookup_take_answer(c, node, &ni, rc, &err);
}

void lookup_refuse_cache(struct cache *c, const struct lookup_why *why)
{
	if (!cache_is_gone(c))
		progress_note(c->engine->opts->progress, "cache '%s' is not used: %s",
			      c->conf->url, why->text);
	c->state = CACHE_REFUSED;
	c->refused = mem_strdup(why->text);
	c->refused_code = why->code;
	c->refused_cause = why->cause;
}

void lookup_take_cache_info(struct cache *c, struct nf_slice text)
{
	struct lookup_why why = { CAUSE_BAD_ANSWER, NF_E_NET, NULL };
	struct nf_cache_info ci;
	struct nf_err err;
	int rc = nf_cache_info_parse(&ci, text, &err);

	if (!rc && ci.store_dir[0] && strcmp(ci.store_dir, NF_STORE_DIR) != 0) {
		why.cause = CAUSE_OTHER_STORE;
		rc = err_set(&err, NF_E_FORMAT, "its store directory is '%s', not '%s'",
			     ci.store_dir, NF_STORE_DIR);
	}
	cache_event(c, HEALTH_OK, rc ? err.text : NULL);
	if (rc) {
		why.text = err.text;
		lookup_refuse_cache(c, &why);
		return;
	}
	if (!c->conf->has_priority)
		c->priority = c->stats->priority = ci.priority;
	c->state = CACHE_READY;
}
