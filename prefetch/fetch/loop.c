#include "fetch/loop.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/workers.h"
#include "fetch/cache.h"
#include "fetch/download.h"
#include "fetch/lookup.h"
#include "fetch/outage.h"
#include "format/left_out.h"

/* Over HTTP/1.1, the narinfos of a closure take as many round trips as it is deep only if
 * its widest level fits into the connections: for 400 paths, that level has about 200,
 * and with 96 concurrent requests the queue is hidden by the deeper levels. */
#define CONNECTIONS_DEFAULT	96
#define STALL_TIMEOUT_DEFAULT_S 30

/* A job of another thread has finished. */
static void wake_up(void *ctx)
{
	const struct engine *e = ctx;

	if (e->transfers)
		transfers_wakeup(e->transfers);
}

static int open_transport(struct engine *e, const struct transfers_options *t,
			  struct nf_err *err)
{
	int rc = 0;

	if (!e->opts->transport)
		rc = transfers_new(&e->transfers, t, err);
	e->transport =
		e->opts->transport ? *e->opts->transport : transport_http(e->transfers);
	return rc;
}

static struct transfers_options transfers_with_defaults(const struct transfers_options *o)
{
	struct transfers_options t = *o;

	if (!t.connections)
		t.connections = CONNECTIONS_DEFAULT;
	if (!t.connections_per_host)
		t.connections_per_host = t.connections;
	if (!t.connect_timeout_ms)
		t.connect_timeout_ms = TRANSFERS_CONNECT_TIMEOUT_MS;
	if (!t.stall_timeout_s)
		t.stall_timeout_s = STALL_TIMEOUT_DEFAULT_S;
	return t;
}

int loop_open(struct engine *e, const struct fetch_options *o,
	      struct fetch_result *result, struct nf_err *err)
{
	struct transfers_options t = transfers_with_defaults(&o->http);
	int rc;

	*e = (struct engine){ .opts = o, .result = result, .connections = t.connections };
	*result = (struct fetch_result){ 0 };
	e->random = (o->seed ? o->seed : (uint32_t)getpid()) * 2654435761U | 1;
	e->resolver = resolver_new();
	e->destination = destination_new(o->pool, o->level, o->intake, o->progress);
	e->ingests = ingests_new(&(struct ingests_options){
		.workers = o->jobs ? o->jobs : workers_cpu_count(),
		.destination = e->destination,
		.is_broken = &e->is_broken,
		.wakeup = wake_up,
		.wakeup_ctx = e,
	});
	if (!o->dry_run)
		destination_sweep(e->destination);
	rc = caches_open(e, err);
	caches_recall(e, t.connect_timeout_ms);
	caches_recall_answers(e);
	download_begin(e);
	return rc ? rc : open_transport(e, &t, err);
}

void loop_close(struct engine *e)
{
	download_let_go(e);
	ingests_wait(e->ingests);
	download_end(e);
	ingests_free(e->ingests);
	transfers_free(e->transfers);
	caches_keep_answers(e);
	lookup_end(e);
	resolver_free(e->resolver);
	destination_free(e->destination);
	caches_close(e);
	rest_release(&e->rest);
	free(e->here.again);
	free(e->questions.items);
	free(e->here.doubted);
	free(e->here.unsigned_nodes);
}

static bool is_done(const struct engine *e)
{
	if (ingests_under_way(e->ingests))
		return false;
	if (e->stopping)
		return true;
	if (e->lookups.ask)
		return resolver_open_count(e->resolver) == 0 && lookup_is_done(e);
	/* Present paths without a trusted signature wait for the answers of caches. */
	return resolver_open_count(e->resolver) == 0 && download_is_done(e) &&
	       (e->here.unsigned_len == 0 || lookup_is_done(e));
}

/* Once everything is present, storing it is what takes time. */
static void tell_phase(struct engine *e)
{
	struct progress *p = e->opts->progress;
	bool is_here = e->rest.total == 0;

	progress_phase(p, ingests_under_way(e->ingests) && is_here &&
					  !resolver_open_count(e->resolver)
				  ? destination_phase(e->destination)
				  : "fetching");
}

/* Sizes become known during the run, and more may arrive than planned: update the totals
 * in each turn. */
static void tell_totals(struct engine *e)
{
	struct fetch_result *r = e->result;
	uint64_t done = progress_get(e->opts->progress, PROGRESS_BYTES_DONE);

	r->paths = resolver_count(e->resolver);
	download_tell_rest(e);
	/* Parts that took over from a stalled one are not in the count. */
	if (done < e->rest.come) {
		done = e->rest.come;
		progress_set(e->opts->progress, PROGRESS_BYTES_DONE, done);
	}
	progress_set(e->opts->progress, PROGRESS_PATHS_TOTAL,
		     r->paths - r->present - (e->opts->intake ? 0 : r->in_pool));
	progress_set(e->opts->progress, PROGRESS_BYTES_TOTAL, done + e->rest.total);
	if (e->opts->dry_run)
		return;
	progress_set(e->opts->progress, PROGRESS_WORK_TOTAL, e->wanted_bytes);
	tell_phase(e);
}

static void stop_if_interrupted(struct engine *e)
{
	struct nf_err why;
	int rc = interrupt_check(&why);

	if (!rc)
		return;
	engine_fail(e, NULL, rc, why.text);
	e->stopping = true;
}

/* True if the planner requested more. */
static bool asks_more(struct engine *e, int *rc, struct nf_err *err)
{
	uint32_t before = resolver_count(e->resolver);

	if (!e->lookups.ask || e->stopping)
		return false;
	*rc = e->lookups.ask(e->lookups.ask_ctx, err);
	return resolver_count(e->resolver) != before;
}

/* Texts that nobody vouches for, and that not every version of Nix can read, were
 * dropped. */
static void note_left_out(const struct engine *e)
{
	struct progress *progress = e->opts->progress;

	for (size_t i = 0; i < e->cache_count; i++) {
		const struct cache *c = &e->caches[i];
		AUTO_FREE char *where = mem_printf("cache '%s'", c->conf->url);

		left_out_note(progress, where, c->left_out);
	}
	if (destination_is_store(e->destination))
		left_out_note_store(progress, destination_name(e->destination),
				    e->here.dropped_texts);
}

static const char *url_of(const void *ctx, uint32_t cache)
{
	const struct engine *e = ctx;

	if (cache == RESOLVER_HERE)
		return destination_name(e->destination);
	return e->caches[cache].conf->url;
}

/* A garbage collector waits for our lookups at most this long. */
#define NO_GC_MS 60000

/* Registers what was stored; reports as early as possible that something cannot fit. */
static void pump_destination(struct engine *e, int64_t now)
{
	struct nf_err why;
	int rc = destination_pump(e->destination, now, &why);

	if (lookup_is_done(e) || now - e->began_at > NO_GC_MS)
		destination_allow_gc(e->destination);
	if (!rc)
		rc = destination_check_space(e->destination, e->wanted_bytes,
					     e->wanted_paths, &why);
	if (!rc)
		return;
	engine_fail(e, NULL, rc, why.text);
	e->stopping = true;
}

static int run_transport(struct engine *e, int64_t wait, struct nf_err *err)
{
	const struct transport *t = &e->transport;
	int rc;

	if (t->in_step && ingests_under_way(e->ingests))
		wait = 0;
	rc = t->run(t->ctx, (int)wait, err);
	if (t->in_step)
		ingests_wait(e->ingests);
	return rc;
}

int loop_run(struct engine *e, struct nf_err *err)
{
	int rc = 0;

	progress_phase(e->opts->progress, e->opts->dry_run ? "resolving" : "fetching");
	e->began_at = engine_now_ms(e);
	patience_begin(&e->patience, e->opts->retry_for_ms, e->began_at);
	lookup_begin(e);
	while (!rc) {
		int64_t now = engine_now_ms(e), wait;

		outage_look(e, now);

		if (!e->stopping)
			stop_if_interrupted(e);
		lookup_pump(e, now);
		if (!e->stopping)
			pump_destination(e, now);
		if (!e->stopping)
			sizes_pump(e);
		download_pump(e, now);
		if (asks_more(e, &rc, err))
			continue;
		tell_totals(e);
		caches_show(e, now);
		if (rc || is_done(e))
			break;
		wait = lookup_next_due(e, now, TRANSFERS_POLL_MS);
		wait = download_next_due(e, now, wait);
		rc = run_transport(e, wait, err);
	}
	progress_wait(e->opts->progress, "");
	caches_remember(e);
	caches_tell_left_out(e);
	note_left_out(e);
	dispute_list_collect(&e->result->disputes, e->resolver, url_of, e);
	return rc;
}
