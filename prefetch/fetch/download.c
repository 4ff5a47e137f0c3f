#include "fetch/download.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/workers.h"
#include "fetch/cache.h"
#include "fetch/outage.h"
#include "fetch/sizes.h"
#include "fetch/verdict.h"
#include "fetch/wanted_nar.h"

/* Concurrent parts from the network, and files that wait for a worker: together they
 * limit what is on the disk but not verified yet. */
#define TRANSFERS_DEFAULT 32
#define WAITING_MAX	  32
#define PART_MIN	  (64 * KIB)
/* More than one, so that a worker finds the next one waiting. */
#define LOCAL_PER_WORKER 2

/* ---- what the dispatcher needs ---- */

/* Sources without a network come first, unless the user's priorities say otherwise. */
static int priority_of(const struct cache *c)
{
	return c->local && !c->conf->has_priority ? -1 : c->priority;
}

static void tell_cache(struct engine *e, struct cache *c)
{
	struct dispatch_cache facts = {
		.priority = priority_of(c),
		.local =
			c->role != CACHE_SUBSTITUTER || c->conf->kind != SUBSTITUTER_HTTP,
		.latency_us = c->known_latency_us,
		.throughput = c->known_throughput,
	};

	c->told_priority = facts.priority;
	dispatch_set_cache(e->dispatch, c->index, &facts);
}

void download_begin(struct engine *e)
{
	unsigned slots =
		e->opts->transfers ? (unsigned)e->opts->transfers : TRANSFERS_DEFAULT;
	size_t per_cache = e->opts->http.connections_per_host;
	size_t workers = e->opts->jobs ? e->opts->jobs : workers_cpu_count();
	struct dispatch_options o = {
		.slots = slots,
		.slots_per_cache =
			per_cache && per_cache < slots ? (unsigned)per_cache : slots,
		.local_slots = LOCAL_PER_WORKER * (unsigned)workers,
		.part_min = PART_MIN,
		.no_race = e->opts->no_race,
	};

	e->dispatch = dispatch_new(&o);
	for (size_t i = 0; i < e->cache_count; i++)
		tell_cache(e, &e->caches[i]);
}

static enum dispatch_state state_of(const struct cache *c, int64_t now)
{
	if (cache_is_gone(c))
		return DISPATCH_GONE;
	if (health_is_waited_for(&c->health) && !outage_may_ask(c, now) &&
	    health_usable(&c->health, now) && !c->transferring)
		return DISPATCH_PAUSED;
	if (health_is_waited_for(&c->health) && health_usable(&c->health, now))
		return DISPATCH_TRIAL;
	return health_usable(&c->health, now) ? DISPATCH_USABLE : DISPATCH_PAUSED;
}

static void tell_caches(struct engine *e, int64_t now)
{
	for (size_t i = 0; i < e->cache_count; i++) {
		struct cache *c = &e->caches[i];

		if (c->told_priority != priority_of(c))
			tell_cache(e, c);
		dispatch_set_state(e->dispatch, c->index, state_of(c, now));
	}
}

/* ---- orders ---- */

static void start_part(struct engine *e, const struct dispatch_order *o)
{
	const struct resolver_offer *offer =
		resolver_offer_of(e->resolver, o->node, o->cache);
	struct wanted_nar *d = wanted_nar_find_or_new(e, o->node);
	struct download_file *f = download_file_of(d, o, offer, verdict_on_ingested);
	struct part *p = part_new(f, o, offer, verdict_part_over);
	struct nf_err err;
	int rc;

	if (o->cut != DISPATCH_NONE)
		part_cut(e->downloads.parts[o->cut], o->from);
	rc = download_file_describe(f, &err);
	if (rc) {
		verdict_part_over(p, &(struct part_outcome){
					     .how = DISPATCH_REFUSED,
					     .code = -rc,
					     .text = err.text,
				     });
		return;
	}
	if (p->cache->local) {
		download_file_submit(f, p->cache->local);
		return;
	}
	rc = download_file_prepare(f, o, &err);
	if (rc)
		engine_broken(e, pool_dir(e->opts->pool), rc, err.text);
	else
		part_ask(p);
}

static void cancel(struct engine *e, uint32_t part)
{
	struct part *p = part < e->downloads.part_count ? e->downloads.parts[part] : NULL;
	struct download_file *f;

	if (!p)
		return; /* its node is done */
	f = p->file;
	part_free(p);
	if (LIST_EMPTY(&f->parts) && !f->at_worker) {
		struct wanted_nar *d = f->nar;

		download_file_rest(f);
		wanted_nar_free_if_empty(d);
	}
}

static void give_up(struct engine *e, uint32_t node)
{
	const struct resolver_node *n = resolver_node(e->resolver, node);
	struct wanted_nar *d = wanted_nar_find(e, node);

	engine_fail(e, n->base, n->why ? n->why : NF_E_MISSING,
		    n->why_text ? n->why_text : "no cache is left");
	rest_set(&e->rest, node, 0);
	if (d)
		wanted_nar_free(d);
	if (!e->opts->keep_going)
		e->stopping = true;
}

static void follow_orders(struct engine *e, int64_t now)
{
	struct dispatch_order o;

	e->downloads.due = DISPATCH_NEVER;
	while (!e->stopping && e->downloads.unverified < WAITING_MAX) {
		dispatch_next(e->dispatch, now, &o);
		switch (o.act) {
		case DISPATCH_WAIT:
			e->downloads.due = o.due;
			return;
		case DISPATCH_START:
			start_part(e, &o);
			break;
		case DISPATCH_CANCEL:
			cancel(e, o.part);
			break;
		case DISPATCH_GIVE_UP:
			give_up(e, o.node);
			break;
		}
	}
}

void download_pump(struct engine *e, int64_t now)
{
	ingests_collect(e->ingests);
	if (e->stopping || e->opts->dry_run)
		return;
	tell_caches(e, now);
	dispatch_set_limit(e->dispatch,
			   rate_schedule_at(&e->opts->http.limit, time(NULL)));
	if (sizes_hold(e, now))
		e->downloads.due = DISPATCH_NEVER; /* process the answers first */
	else
		follow_orders(e, now);
}

int64_t download_next_due(const struct engine *e, int64_t now, int64_t limit)
{
	/* Nothing is started: the dispatcher's last order no longer counts. */
	int64_t due = e->stopping || e->opts->dry_run ? DISPATCH_NEVER : e->downloads.due;

	for (size_t i = 0; i < e->cache_count; i++) {
		int64_t until = e->caches[i].health.open_until;

		if (until > now && until < due)
			due = until;
	}
	if (due - now >= limit)
		return limit;
	return due > now ? due - now : 0;
}

/* A file that a worker has is complete, and its partial belongs to the worker. */
static uint64_t missing_of(const struct download_file *f)
{
	uint64_t here;

	if (f->at_worker)
		return 0;
	here = byte_ranges_total(&f->partial.state.ranges);
	return f->size > here ? f->size - here : 0;
}

/* Of its possible files, the one with the fewest missing bytes. */
static bool rest_of(const struct wanted_nar *d, uint64_t *ret)
{
	const struct download_file *f;
	bool is_known = false;

	LIST_FOREACH (f, &d->files, link) {
		uint64_t rest = missing_of(f);

		/* A file on this machine counts when it is done. */
		if (f->cache->local || (!f->size && !f->at_worker))
			continue;
		*ret = is_known && *ret < rest ? *ret : rest;
		is_known = true;
	}
	return is_known;
}

void download_tell_rest(struct engine *e)
{
	const struct wanted_nar *d;
	uint64_t rest;

	LIST_FOREACH (d, &e->downloads.active, link)
		if (rest_of(d, &rest))
			rest_set(&e->rest, d->node, rest);
}

bool download_is_done(const struct engine *e)
{
	return e->downloads.count == 0 &&
	       (e->opts->dry_run || dispatch_waiting(e->dispatch) == 0);
}

void download_let_go(struct engine *e)
{
	struct wanted_nar *d;
	struct download_file *f;

	LIST_FOREACH (d, &e->downloads.active, link)
		LIST_FOREACH (f, &d->files, link)
			download_file_unfollow(f);
	ingests_wait_followers(e->ingests);
	ingests_collect(e->ingests);
}

void download_end(struct engine *e)
{
	struct wanted_nar *next;

	ingests_collect(e->ingests);
	for (struct wanted_nar *d = LIST_FIRST(&e->downloads.active); d; d = next) {
		next = LIST_NEXT(d, link);
		wanted_nar_free(d);
	}
	free(e->downloads.parts);
	dispatch_free(e->dispatch);
}
