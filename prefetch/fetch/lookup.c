#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "base/mem.h"
#include "fetch/ask_again.h"
#include "fetch/cache.h"
#include "fetch/lookup.h"
#include "fetch/lookup_local.h"
#include "fetch/lookup_take.h"
#include "fetch/lookup_why.h"
#include "fetch/outage.h"
#include "fetch/wanted_nar.h"
#include "http/retry.h"

/* Concurrent narinfo requests per cache. Over HTTP/2 they share a connection. */
#define LOOKUPS_PER_CACHE 256
/* Those allowed before its nix-cache-info arrives, so that the first round trip is not
 * wasted. The cache may never answer, and others need connections, too. */
#define EARLY_LOOKUPS 16
/* Answers of a local cache between two checks of the network. */
#define LOCAL_BATCH 512

/* A request for a narinfo or, with NODE_CACHE_INFO, for the nix-cache-info of a cache. */
#define NODE_CACHE_INFO UINT32_MAX
#define FILE_NAME_MAX	(NF_STOREPATH_HASH_LEN + sizeof(".narinfo"))

struct lookup {
	struct cache *cache;
	uint32_t node;
	unsigned attempt;
	bool is_anew;	/* its earlier answer is outdated */
	bool early;	/* sent before it was known whether the cache can be used */
	bool held;	/* its answer waits until that is known */
	bool is_absent; /* the cache answered that it has no such file */
	bool delayed;
	int64_t due;		 /* while it is delayed */
	LIST_ENTRY(lookup) link; /* list of the engine */
	struct buf body;
	char *url;
	struct transfer *transfer; /* while it is in progress */
};

static void lookup_free(struct lookup *l)
{
	struct engine *e = l->cache->engine;

	LIST_REMOVE(l, link);
	e->lookups.delayed -= l->delayed;
	l->cache->asking -= l->transfer != NULL;
	l->cache->lookups--;
	l->cache->held -= l->held;
	buf_release(&l->body);
	free(l->url);
	free(l);
}

static const char *file_name(char text[FILE_NAME_MAX], const struct engine *e,
			     uint32_t node)
{
	if (node == NODE_CACHE_INFO)
		return "nix-cache-info";
	snprintf(text, FILE_NAME_MAX, "%.32s.narinfo",
		 resolver_node(e->resolver, node)->base);
	return text;
}

/* ---- responses ---- */

static void take_answer(struct lookup *l)
{
	if (l->node == NODE_CACHE_INFO)
		lookup_take_cache_info(l->cache, buf_slice(&l->body));
	else
		lookup_take_narinfo(l->cache, l->node, buf_slice(&l->body));
}

static void take_absence(struct lookup *l)
{
	if (l->node == NODE_CACHE_INFO)
		l->cache->state = CACHE_READY; /* as in Nix: as if it were empty */
	else
		lookup_why_absent(l->cache, l->node);
}

/* The cache is known now: decides whether a waiting answer counts. */
static void settle(struct lookup *l)
{
	struct cache *c = l->cache;
	const struct lookup_why why = lookup_why_gone(c);

	if (l->node != NODE_CACHE_INFO && c->state != CACHE_READY)
		lookup_why_tell(c, l->node, &why);
	else if (l->is_absent)
		take_absence(l);
	else
		take_answer(l);
	lookup_free(l);
}

static void take_held(struct cache *c)
{
	struct lookup *next;

	for (struct lookup *l = LIST_FIRST(&c->engine->lookups.started); l; l = next) {
		next = LIST_NEXT(l, link);
		if (l->cache == c && l->held)
			settle(l);
	}
}

/* ---- HTTP ---- */

static int on_data(void *ctx, const void *p, size_t len, struct nf_err *err)
{
	struct lookup *l = ctx;

	buf_add(&l->body, p, len);
	if (buf_failed(&l->body))
		return err_set(err, NF_E_LIMIT, "'%s': the answer is too long", l->url);
	return 0;
}

static void delay(struct lookup *l, int64_t ms)
{
	l->due = engine_now_ms(l->cache->engine) + ms;
	l->delayed = true;
	l->cache->engine->lookups.delayed++;
}

static void give_up(struct lookup *l, struct lookup_why why)
{
	if (l->node != NODE_CACHE_INFO) {
		lookup_why_tell(l->cache, l->node, &why);
	} else {
		why.code = NF_E_NET;
		lookup_refuse_cache(l->cache, &why);
	}
	lookup_free(l);
}

/* Whether it is among the first requests to an unknown cache. */
static bool is_first(const struct lookup *l)
{
	return l->node == NODE_CACHE_INFO || l->early;
}

static void on_failure(struct lookup *l, const struct transfer_done *d, const char *text)
{
	struct engine *e = l->cache->engine;
	int64_t wait = outage_delay_ms(e, ++l->attempt, d);
	/* A cache that accepts a connection but sends nothing counts as down. */
	bool silent = !d->connected || (is_first(l) && d->stalled);

	cache_event(l->cache, silent ? HEALTH_UNREACHABLE : HEALTH_BROKEN, text);
	if (wait < 0 || cache_is_gone(l->cache))
		give_up(l, lookup_why_of(NF_E_NET, text));
	else
		delay(l, wait);
}

/* Only for the first answer: later ones wait for each other. */
static void learn_latency(struct lookup *l, const struct transfer_done *d)
{
	if (l->node == NODE_CACHE_INFO)
		history_measured(&l->cache->learned, time(NULL),
				 (uint32_t)(d->answer_s * 1e6), 0);
}

/* Only in a query do others follow that ask for the same. */
static void keep_answer(const struct lookup *l, struct nf_slice text)
{
	const struct engine *e = l->cache->engine;
	char file[FILE_NAME_MAX];

	if (e->lookups.ask && e->opts->answers)
		answers_add(e->opts->answers, l->cache->index,
			    file_name(file, e, l->node), text);
}

static void take_or_hold(struct lookup *l)
{
	if (l->node == NODE_CACHE_INFO || l->cache->state != CACHE_NEW) {
		settle(l);
		return;
	}
	l->held = true;
	l->cache->held++;
}

/* A response whose status will not change. */
static struct lookup_why refused_by_status(long status, const char *text)
{
	bool denied = status == 401 || status == 403 || status == 407;

	return (struct lookup_why){ denied ? CAUSE_DENIED : CAUSE_BAD_ANSWER, NF_E_NET,
				    text };
}

static void on_done(void *ctx, const struct transfer_done *d, const struct nf_err *err)
{
	struct lookup *l = ctx;
	char text[128];

	l->transfer = NULL;
	l->cache->asking--;
	if (d->rc && d->rc != -NF_E_NET) {
		cache_event(l->cache, HEALTH_OK, err->text);
		give_up(l, lookup_why_of(d->rc, err->text));
		return;
	}
	if (d->rc && d->cause == TRANSFER_ASTRAY) {
		cache_denied(l->cache, err->text);
		give_up(l, (struct lookup_why){ CAUSE_BAD_ANSWER, NF_E_NET, err->text });
		return;
	}
	if (d->rc) {
		on_failure(l, d, err->text);
		return;
	}
	snprintf(text, sizeof(text), "it answered with HTTP status %ld", d->status);
	switch (retry_judge(d->status)) {
	case RETRY_OK:
		cache_event(l->cache, HEALTH_OK, NULL);
		outage_progress(l->cache->engine);
		learn_latency(l, d);
		keep_answer(l, l->body.len ? buf_slice(&l->body) : NF_SLICE_LIT(""));
		take_or_hold(l);
		break;
	case RETRY_ABSENT:
		cache_event(l->cache, HEALTH_OK, NULL);
		outage_progress(l->cache->engine);
		keep_answer(l, (struct nf_slice){ 0 });
		l->is_absent = true;
		take_or_hold(l);
		break;
	case RETRY_LATER:
		on_failure(l, d, text);
		break;
	case RETRY_NEVER:
		cache_denied(l->cache, text);
		give_up(l, refused_by_status(d->status, text));
		break;
	}
}

static void send_query(struct lookup *l)
{
	const struct transport *t = &l->cache->engine->transport;
	struct transfer_request req = {
		.url = l->url,
		.max_bytes = l->body.max,
		.timeout_ms = is_first(l) ? l->cache->first_timeout_ms : 0,
		.no_cache = l->is_anew,
		.stats = &l->cache->stats->net,
		.ctx = l,
		.data = on_data,
		.done = on_done,
	};

	buf_clear(&l->body);
	l->transfer = t->start(t->ctx, &req);
	l->cache->asking++;
}

static struct lookup *lookup_new(struct cache *c, uint32_t node)
{
	struct lookup *l = mem_calloc(1, sizeof(*l));
	char file[FILE_NAME_MAX];

	l->cache = c;
	l->node = node;
	l->early = c->state == CACHE_NEW;
	c->lookups++;
	LIST_INSERT_HEAD(&c->engine->lookups.started, l, link);
	if (node == NODE_CACHE_INFO) {
		buf_init(&l->body, NIX_CACHE_INFO_MAX);
	} else {
		buf_init(&l->body, NARINFO_MAX);
		progress_add(c->engine->opts->progress, PROGRESS_RESOLVING, 1);
	}
	l->url = substituter_resolve(c->conf, file_name(file, c->engine, node));
	return l;
}

static void lookup_start(struct cache *c, uint32_t node)
{
	send_query(lookup_new(c, node));
}

/* ---- retries ---- */

static void ask_anew(struct cache *c, uint32_t node)
{
	struct lookup *l = lookup_new(c, node);

	l->is_anew = true;
	send_query(l);
}

static void ask_again(struct engine *e)
{
	struct ask_again q;

	while (ask_again_take(e, &q)) {
		if (q.is_anew) {
			ask_anew(q.cache, q.node);
		} else {
			lookup_local_again(e, q.node, q.cache);
			wanted_nar_answered(e, q.node);
		}
	}
}

/* ---- answers from earlier in this run ---- */

static bool find_answer(const struct cache *c, uint32_t node, struct nf_slice *text)
{
	const struct engine *e = c->engine;
	char file[FILE_NAME_MAX];

	return e->opts->answers &&
	       answers_find(e->opts->answers, c->index, file_name(file, e, node), text);
}

static bool knows_cache_info(struct cache *c)
{
	struct nf_slice text;

	if (!find_answer(c, NODE_CACHE_INFO, &text))
		return false;
	if (text.ptr)
		lookup_take_cache_info(c, text);
	else
		c->state = CACHE_READY;
	return true;
}

static bool knows_narinfo(struct cache *c, uint32_t node)
{
	struct nf_slice text;

	if (c->state != CACHE_READY || !find_answer(c, node, &text))
		return false;
	if (text.ptr)
		lookup_take_narinfo(c, node, text);
	else
		lookup_why_absent(c, node);
	return true;
}

/* ---- on this machine ---- */

static void ask_local(struct cache *c, uint32_t node)
{
	AUTO(nf_narinfo_release) struct nf_narinfo ni = { 0 };
	struct nf_storepath path;
	struct nf_err err;
	int rc;

	resolver_path(c->engine->resolver, node, &path);
	rc = local_cache_find(c->local, &path, &ni, &err);
	if (rc == -NF_E_MISSING)
		lookup_why_absent(c, node);
	else
		lookup_take_answer(c, node, &ni, rc, &err);
}

static void refuse_local(struct cache *c, int rc, const struct nf_err *err)
{
	bool is_absent = rc == -NF_E_SYS || rc == -NF_E_MISSING || rc == -NF_E_USAGE;
	const struct lookup_why why =
		lookup_why_of(is_absent ? NF_E_NET : -rc, err->text);

	cache_event(c, HEALTH_UNREACHABLE, err->text);
	lookup_refuse_cache(c, &why);
}

static void begin_local(struct cache *c)
{
	AUTO_BUF struct buf text = { 0 };
	struct nf_err err;
	int rc;

	buf_init(&text, NIX_CACHE_INFO_MAX);
	rc = local_cache_open(&c->local, c->conf, c->engine->opts->keys, &err);
	if (!rc) {
		rc = local_cache_info(c->local, &text, &err);
		rc = rc == -NF_E_MISSING ? 0 : rc;
	}
	if (rc)
		refuse_local(c, rc, &err);
	else
		lookup_take_cache_info(c, buf_slice(&text));
}

/* ---- sending ---- */

/* Each cache gets its share of the connections until it is known who answers. */
static unsigned early_lookups(const struct engine *e)
{
	size_t caches = 0, share;

	for (size_t i = 0; i < e->cache_count; i++)
		caches += e->caches[i].conf->kind == SUBSTITUTER_HTTP;
	share = caches ? e->connections / caches : 0;
	if (share < 1)
		return 1;
	return share < EARLY_LOOKUPS ? (unsigned)share : EARLY_LOOKUPS;
}

void lookup_begin(struct engine *e)
{
	e->lookups.early_max = early_lookups(e);
	for (size_t i = 0; i < e->cache_count; i++) {
		struct cache *c = &e->caches[i];

		if (c->role != CACHE_SUBSTITUTER || c->state == CACHE_REFUSED)
			continue;
		if (c->conf->kind != SUBSTITUTER_HTTP)
			begin_local(c);
		else if (!knows_cache_info(c))
			lookup_start(c, NODE_CACHE_INFO);
	}
}

/* False if the cache accepts no more requests for now. */
static bool ask_cache(struct cache *c, uint32_t node, int64_t now)
{
	if (cache_is_gone(c)) {
		const struct lookup_why why = lookup_why_gone(c);

		lookup_why_tell(c, node, &why);
	} else if (c->local) {
		ask_local(c, node);
	} else if (!knows_narinfo(c, node)) {
		unsigned most = c->state == CACHE_NEW ? c->engine->lookups.early_max
						      : LOOKUPS_PER_CACHE;

		if (c->lookups >= most || !outage_may_ask(c, now))
			return false;
		lookup_start(c, node);
	}
	return true;
}

static void pump_cache(struct cache *c, int64_t now)
{
	struct engine *e = c->engine;
	unsigned local = 0;

	if (c->role != CACHE_SUBSTITUTER)
		return;
	while (c->again_cursor < e->here.again_len &&
	       ask_cache(c, e->here.again[c->again_cursor], now))
		c->again_cursor++;
	while (c->cursor < e->here.cursor) {
		if (lookup_local_is_asked_for(e, c->cursor)) {
			if (c->local && local++ == LOCAL_BATCH)
				return;
			if (!ask_cache(c, c->cursor, now))
				return;
		}
		c->cursor++;
	}
}

static void repeat(struct lookup *l, int64_t now)
{
	struct cache *c = l->cache;

	if (l->due <= now && outage_may_ask(c, now)) {
		l->delayed = false;
		c->engine->lookups.delayed--;
		send_query(l);
	}
}

/* A pending request may wait for a connection; nothing waits for the request. */
static void give_up_all(struct cache *c)
{
	struct engine *e = c->engine;
	struct lookup *next;

	for (struct lookup *l = LIST_FIRST(&e->lookups.started); l; l = next) {
		next = LIST_NEXT(l, link);
		if (l->cache != c)
			continue;
		if (l->transfer)
			e->transport.cancel(e->transport.ctx, l->transfer);
		give_up(l, lookup_why_gone(c));
	}
}

static void repeat_due(struct engine *e, int64_t now)
{
	struct lookup *next;

	if (e->lookups.delayed == 0)
		return;
	for (struct lookup *l = LIST_FIRST(&e->lookups.started); l; l = next) {
		next = LIST_NEXT(l, link);
		if (l->delayed)
			repeat(l, now);
	}
}

void lookup_pump(struct engine *e, int64_t now)
{
	if (e->stopping)
		return;
	for (size_t i = 0; i < e->cache_count; i++)
		if (e->caches[i].held && e->caches[i].state != CACHE_NEW)
			take_held(&e->caches[i]);
	for (size_t i = 0; i < e->cache_count; i++)
		if (e->caches[i].lookups && cache_is_gone(&e->caches[i]))
			give_up_all(&e->caches[i]);
	repeat_due(e, now);
	ask_again(e);
	for (int i = 0; i < LOCAL_BATCH && !e->stopping &&
			e->here.cursor < resolver_count(e->resolver);
	     i++)
		lookup_local_ask(e, e->here.cursor++);
	for (size_t i = 0; i < e->cache_count; i++)
		pump_cache(&e->caches[i], now);
}

/* Whether it has been queried for all wanted nodes. */
static bool has_been_asked(const struct cache *c)
{
	const struct engine *e = c->engine;

	return c->role != CACHE_SUBSTITUTER ||
	       (c->cursor == resolver_count(e->resolver) &&
		c->again_cursor == e->here.again_len);
}

/* When it may be retried, unless an answer to another request arrives first. */
static int64_t due_of(const struct lookup *l, int64_t now)
{
	int64_t open = l->cache->health.open_until;

	if (cache_is_gone(l->cache))
		return l->due;
	if (l->due <= now && open <= now && !outage_may_ask(l->cache, now))
		return INT64_MAX;
	return open > l->due ? open : l->due;
}

int64_t lookup_next_due(const struct engine *e, int64_t now, int64_t limit)
{
	const struct lookup *l;

	LIST_FOREACH (l, &e->lookups.started, link)
		if (l->delayed && due_of(l, now) - now < limit)
			limit = due_of(l, now) > now ? due_of(l, now) - now : 0;
	if (e->stopping)
		return limit;
	if (ask_again_is_due(e))
		return 0;
	/* A local cache answers at once: there is more to do. */
	if (e->here.cursor < resolver_count(e->resolver))
		return 0;
	for (size_t i = 0; i < e->cache_count; i++)
		if (e->caches[i].local && !has_been_asked(&e->caches[i]))
			return 0;
	return limit;
}

/* A cache that is down and waited for is not queried for what others have answered. */
bool lookup_is_done(const struct engine *e)
{
	const struct lookup *l;

	for (size_t i = 0; i < e->cache_count; i++)
		if (!has_been_asked(&e->caches[i]) &&
		    !health_is_waited_for(&e->caches[i].health))
			return false;
	LIST_FOREACH (l, &e->lookups.started, link)
		if (!health_is_waited_for(&l->cache->health))
			return false;
	return e->here.cursor == resolver_count(e->resolver) && !ask_again_is_due(e);
}

void lookup_end(struct engine *e)
{
	struct lookup *next;

	for (struct lookup *l = LIST_FIRST(&e->lookups.started); l; l = next) {
		next = LIST_NEXT(l, link);
		lookup_free(l);
	}
}
