#include "fetch/cache.h"

#include <stdlib.h>
#include <time.h>

#include "base/limits.h"
#include "base/mem.h"

/* A smaller transfer measures latency rather than throughput. */
#define THROUGHPUT_BYTES_MIN (1 * MIB)

static void remember_failure(struct cache *c, enum health_event event, const char *text)
{
	history_failed(&c->learned, time(NULL), event == HEALTH_UNREACHABLE,
		       nf_slice_str(text));
	free(c->stats->last_failure);
	c->stats->last_failure = mem_strdup(text);
}

/* The transfer itself has counted network failures. */
static void count_failure(struct cache *c, enum health_event event)
{
	size_t *failures = c->stats->net.failures;

	if (event == HEALTH_LIED || event == HEALTH_OK)
		failures[TRANSFER_FAILED_CONTENT]++;
	else if (c->conf->kind != SUBSTITUTER_HTTP)
		failures[TRANSFER_FAILED_REACH]++;
}

void cache_event(struct cache *c, enum health_event event, const char *text)
{
	bool was_gone = cache_is_gone(c);

	health_event(&c->health, event, engine_now_ms(c->engine));
	if (event == HEALTH_OK) {
		history_answered(&c->learned, time(NULL));
		progress_cache_came(c->engine->opts->progress, c->shown, 0);
	}
	if (!text)
		return;
	remember_failure(c, event, text);
	count_failure(c, event);
	if (!was_gone && cache_is_gone(c))
		progress_note(c->engine->opts->progress, "cache '%s' is not used: %s",
			      c->conf->url, text);
}

void cache_denied(struct cache *c, const char *text)
{
	cache_event(c, HEALTH_OK, NULL);
	remember_failure(c, HEALTH_OK, text);
}

bool cache_is_gone(const struct cache *c)
{
	return c->state == CACHE_REFUSED || health_is_gone(&c->health);
}

static enum nf_cache_state shown_state(const struct cache *c, int64_t now)
{
	if (cache_is_gone(c))
		return NF_CACHE_GONE;
	if (!health_usable(&c->health, now) || health_is_waited_for(&c->health))
		return NF_CACHE_RETRIED;
	return c->health.ever_ok || c->state == CACHE_READY ? NF_CACHE_USED
							    : NF_CACHE_NEW;
}

void caches_show(const struct engine *e, int64_t now)
{
	struct progress *p = e->opts->progress;

	for (size_t i = 0; p && i < e->opts->substituter_count; i++) {
		const struct cache *c = &e->caches[i];

		progress_cache_state(p, c->shown, shown_state(c, now),
				     c->transferring + c->asking);
	}
}

void cache_transferring(struct cache *c, int change)
{
	int64_t now = engine_now_ms(c->engine);

	if (c->transferring == 0)
		c->busy_since = now;
	c->transferring += change;
	c->engine->downloads.transferring += change;
	if (c->transferring == 0)
		c->busy_ms += now - c->busy_since;
}

const char *cache_why_gone(const struct cache *c)
{
	if (c->refused)
		return c->refused;
	return c->stats->last_failure ? c->stats->last_failure : "it is down";
}

void cache_note(const struct cache *c, uint32_t node, const char *text)
{
	progress_note(c->engine->opts->progress, "path '%s' from cache '%s': %s",
		      resolver_node(c->engine->resolver, node)->base, c->conf->url, text);
}

void cache_set_reason(const struct cache *c, uint32_t node, int code, const char *text)
{
	AUTO_FREE char *whole = mem_printf("cache '%s': %s", c->conf->url, text);

	resolver_set_reason(c->engine->resolver, node, code, whole);
}

/* ---- all of them ---- */

static void open_local(struct engine *e, enum cache_role role, struct local_cache *local,
		       enum substituter_kind kind, const char *scheme, const char *path)
{
	struct substituter *conf = &e->here.confs[e->here.count];
	struct cache *c = &e->here.caches[e->here.count++];

	conf->kind = kind;
	conf->url = mem_printf("%s%s", scheme, path);
	conf->path = mem_strdup(path);
	c->conf = conf;
	c->role = role;
	c->state = CACHE_READY;
	c->local = local;
}

/* They are at the end of the list. */
static int open_locals(struct engine *e, struct nf_err *err)
{
	const struct fetch_options *o = e->opts;

	if (o->intake && pool_is_there(o->pool)) {
		const char *dir = pool_dir(o->pool);
		struct local_cache *pool;
		int rc = local_cache_of_directory(&pool, dir, err);

		if (rc)
			return rc;
		open_local(e, CACHE_POOL, pool, SUBSTITUTER_FILE, "file://", dir);
	}
	if (o->store)
		open_local(e, CACHE_STORE, local_cache_of_store(o->store),
			   SUBSTITUTER_PATH, "local?root=", local_store_root(o->store));
	return 0;
}

int caches_open(struct engine *e, struct nf_err *err)
{
	const struct fetch_options *o = e->opts;
	size_t locals = (o->intake ? 1 : 0) + (o->store ? 1 : 0);
	int rc;

	e->caches = mem_calloc(o->substituter_count + locals, sizeof(e->caches[0]));
	e->here.caches = e->caches + o->substituter_count;
	rc = open_locals(e, err);
	e->cache_count = o->substituter_count + e->here.count;
	e->result->caches = mem_calloc(e->cache_count, sizeof(e->result->caches[0]));
	e->result->cache_count = e->cache_count;
	for (size_t i = 0; i < e->cache_count; i++) {
		struct cache *c = &e->caches[i];

		c->engine = e;
		c->index = (uint32_t)i;
		if (c->role == CACHE_SUBSTITUTER)
			c->conf = &o->substituters[i];
		c->priority = c->conf->priority;
		c->stats = &e->result->caches[i];
		c->stats->url = mem_strdup(c->conf->url);
		c->stats->priority = c->priority;
		c->stats->local = c->conf->kind != SUBSTITUTER_HTTP;
		c->shown = c->role == CACHE_SUBSTITUTER
				   ? progress_cache(o->progress, c->stats->url)
				   : -1;
	}
	return rc;
}

void caches_close(struct engine *e)
{
	for (size_t i = 0; i < e->cache_count; i++) {
		local_cache_free(e->caches[i].local);
		free(e->caches[i].refused);
	}
	free(e->caches);
	for (size_t i = 0; i < e->here.count; i++)
		substituter_release(&e->here.confs[i]);
}

void caches_tell_left_out(struct engine *e)
{
	for (size_t i = 0; i < e->cache_count; i++) {
		struct cache *c = &e->caches[i];

		if (cache_is_gone(c))
			c->stats->left_out = mem_strdup(cache_why_gone(c));
		else if (c->state == CACHE_NEW && c->lookups && !c->health.ever_ok)
			c->stats->silent_ms = engine_now_ms(e) - e->began_at + 1;
	}
}

/* ---- history ---- */

/* A cache that is assumed to be down gets a shorter timeout, unless nothing works: then
 * it was the link that was down. An only cache gets the full time, because nothing would
 * be gained without it. */
void caches_recall(struct engine *e, int timeout_ms)
{
	AUTO(history_release) struct history known = HISTORY_INIT;
	size_t count = e->opts->substituter_count;
	const struct history_entry *entry;
	int64_t now = time(NULL);
	bool all_down = true;

	if (e->opts->history && history_load(&known, e->opts->history, now, NULL))
		known = (struct history)HISTORY_INIT; /* remember reports */
	for (size_t i = 0; i < count && all_down; i++) {
		entry = history_find(&known, e->caches[i].conf->url);
		all_down = history_is_down(entry, now);
	}
	for (size_t i = 0; i < count; i++) {
		struct cache *c = &e->caches[i];

		entry = history_find(&known, c->conf->url);
		c->known_latency_us = entry ? entry->latency_us : 0;
		c->known_throughput = entry ? entry->throughput : 0;
		if (count > 1)
			c->first_timeout_ms = history_first_timeout_ms(
				all_down ? NULL : entry, timeout_ms, now);
	}
}

/* The speed of this machine's own files is not needed. */
static void learn_throughput(struct cache *c)
{
	int64_t busy = c->busy_ms;

	if (c->stats->local ||
	    (c->engine->transfers && transfers_were_held_back(c->engine->transfers)))
		return;
	if (c->transferring)
		busy += engine_now_ms(c->engine) - c->busy_since;
	if (c->stats->bytes >= THROUGHPUT_BYTES_MIN)
		history_measured(&c->learned, time(NULL), 0,
				 c->stats->bytes * 1000 /
					 (uint64_t)(busy > 0 ? busy : 1));
}

/* Another run may have written the file since: merge into its current content. */
void caches_remember(struct engine *e)
{
	AUTO(history_release) struct history known = HISTORY_INIT;
	const char *file = e->opts->history;
	struct nf_err err;
	int rc;

	if (!file || atomic_load(&e->is_broken))
		return;
	rc = history_load(&known, file, time(NULL), &err);
	for (size_t i = 0; !rc && i < e->opts->substituter_count; i++) {
		learn_throughput(&e->caches[i]);
		history_learn(&known, e->caches[i].conf->url, &e->caches[i].learned);
	}
	if (!rc)
		rc = history_save(&known, file, &err);
	/* A query may run where nothing can be written. */
	if (rc && !e->opts->dry_run)
		progress_note(e->opts->progress,
			      "cannot save the history of the caches: %s", err.text);
}

/* ---- answers from earlier in this run ---- */

void caches_recall_answers(struct engine *e)
{
	struct answers *a = e->opts->answers;

	for (size_t i = 0; a && i < e->opts->substituter_count; i++) {
		struct cache *c = &e->caches[i];
		const char *why = answers_left_out(a, c->index, &c->refused_code);

		c->stats->net = *answers_stats(a, c->index);
		if (!why)
			continue;
		c->state = CACHE_REFUSED;
		c->refused = mem_strdup(why);
	}
}

void caches_keep_answers(struct engine *e)
{
	struct answers *a = e->opts->answers;

	for (size_t i = 0; a && i < e->opts->substituter_count; i++) {
		const struct cache *c = &e->caches[i];

		*answers_stats(a, c->index) = c->stats->net;
		if (cache_is_gone(c))
			answers_leave_out(a, c->index,
					  c->refused ? c->refused_code : NF_E_NET,
					  cache_why_gone(c));
	}
}
