#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/encoding.h"
#include "base/hash.h"
#include "base/interrupt.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/stream.h"
#include "net/engine.h"
#include "net/ingest.h"
#include "net/retry.h"

/* NARs that are transferred at once, and NARs that wait for a worker: what is on the disk
 * but not verified yet is bounded by the second. */
#define TRANSFERS_DEFAULT 16
#define WAITING_MAX	  32

/* A compressed NAR is hardly ever larger than the NAR; a server's word for its size is
 * not signed. */
static uint64_t body_limit(uint64_t nar_size)
{
	return nar_size + nar_size / 8 + MIB;
}

/* A NAR on its way: transfer (or a local file), then a worker. */
struct download {
	struct engine *engine;
	LIST_ENTRY(download) link; /* of the engine's */
	uint32_t node;
	const struct resolver_source *source;
	struct cache *cache;
	char *url;
	unsigned attempt;
	bool delayed;
	int64_t due;
	struct pool_partial partial;
	bool has_partial;
	bool resumed;	 /* the partial had bytes from before */
	uint64_t offset; /* where the next byte goes */
	long status;	 /* of the response that is coming */
	int item;	 /* of the progress */
	struct ingest ingest;
};

static void download_free(struct download *d)
{
	struct engine *e = d->engine;

	LIST_REMOVE(d, link);
	e->delayed_downloads -= d->delayed;
	e->downloads--;
	d->cache->downloads--;
	progress_end(e->opts->progress, d->item);
	if (d->has_partial)
		pool_partial_keep(e->opts->pool, &d->partial);
	nf_pathinfo_release(&d->ingest.info);
	free(d->url);
	free(d);
}

static const char *path_of(const struct download *d)
{
	return resolver_node(d->engine->resolver, d->node)->base;
}

/* ---- ends ---- */

/* This source did not give it: another one is asked. */
static void next_source(struct download *d, int code, const char *text)
{
	struct engine *e = d->engine;

	progress_note(e->opts->progress, "path '%s' from cache '%s': %s", path_of(d),
		      d->cache->conf->url, text);
	resolver_set_reason(e->resolver, d->node, code, text);
	if (d->cache->own) {
		e->result->in_store--;
		lookup_again(e, d->node);
	}
	scheduler_failed(e->scheduler, d->node, d->source);
	download_free(d);
}

static void discard_partial(struct download *d)
{
	if (d->has_partial)
		pool_partial_discard(d->engine->opts->pool, &d->partial);
	d->has_partial = false;
}

/* A failure of our own: no other source would help. */
static void fatal(struct download *d, int code, const char *text)
{
	engine_fail(d->engine, path_of(d), code, text);
	d->engine->stopping = true;
	download_free(d);
}

static bool is_the_sources_fault(int rc)
{
	switch (-rc) {
	case NF_E_FORMAT:
	case NF_E_LIMIT:
	case NF_E_HASH:
	case NF_E_UNSUPPORTED:
	case NF_E_MISSING:
		return true;
	default:
		return false;
	}
}

static void count_bytes(struct download *d, uint64_t n)
{
	d->cache->stats->bytes += n;
	if (d->cache->own)
		return; /* no download */
	d->engine->result->fetched_bytes += n;
	progress_add(d->engine->opts->progress, PROGRESS_BYTES_DONE, n);
}

static void download_ask(struct download *d);

static void on_ingested(struct ingest *job)
{
	struct download *d =
		(struct download *)((char *)job - offsetof(struct download, ingest));
	struct engine *e = d->engine;

	if (d->cache->local)
		count_bytes(d, d->ingest.local_bytes);
	if (d->ingest.rc == 0) {
		d->has_partial = false;
		d->cache->stats->nars++;
		if (d->cache->own)
			e->result->dumped++;
		else
			e->result->fetched++;
		progress_add(e->opts->progress, PROGRESS_PATHS_DONE, 1);
		download_free(d);
	} else if (d->ingest.rc == -NF_E_INTR) {
		download_free(d);
	} else if (!is_the_sources_fault(d->ingest.rc) && !d->ingest.unreadable) {
		fatal(d, d->ingest.rc, d->ingest.err.text);
	} else if (d->resumed && d->has_partial) {
		/* The bytes from before may be the wrong ones: once more, from the start.
		 */
		progress_note(e->opts->progress,
			      "path '%s': what was there of it is of no use: %s",
			      path_of(d), d->ingest.err.text);
		discard_partial(d);
		d->resumed = false;
		download_ask(d);
	} else {
		discard_partial(d);
		/* Damage on this machine says nothing of what else is there. */
		if (d->ingest.rc != -NF_E_UNSUPPORTED && d->ingest.rc != -NF_E_MISSING)
			engine_cache_event(d->cache,
					   d->cache->local ? HEALTH_OK : HEALTH_LIED,
					   d->ingest.err.text);
		next_source(d, -d->ingest.rc, d->ingest.err.text);
	}
}

static void hand_to_workers(struct download *d)
{
	struct engine *e = d->engine;

	progress_end(e->opts->progress, d->item);
	d->item = progress_begin(e->opts->progress, "verify", path_of(d) + 33);
	d->ingest.engine = e;
	d->ingest.level = e->opts->level;
	d->ingest.local = d->cache->local;
	d->ingest.local_url = d->source->url;
	d->ingest.partial = &d->partial;
	d->ingest.done = on_ingested;
	ingest_submit(&d->ingest);
}

/* ---- HTTP ---- */

/* A partial belongs to the bytes that it is a part of: the file's hash where the cache
 * tells it, else the URL. */
static void partial_id(const struct download *d, char out[64])
{
	uint8_t digest[BLAKE2B_SIZE];

	if (d->source->has_file_hash) {
		memcpy(out, "f-", 2);
		nix32_encode(out + 2, d->source->file_hash, 32);
	} else {
		blake2b(digest, d->url, strlen(d->url));
		memcpy(out, "u-", 2);
		nix32_encode(out + 2, digest, sizeof(digest));
	}
}

static int on_head(void *ctx, const struct transfer_head *head, struct nf_err *err)
{
	struct download *d = ctx;
	struct pool *pool = d->engine->opts->pool;
	int rc = 0;

	d->status = head->status;
	if (retry_judge(head->status) != RETRY_OK)
		return 0;
	if (head->encoded)
		return err_set(
			err, NF_E_FORMAT,
			"'%s': it came with a Content-Encoding that nobody asked for",
			d->url);
	if (head->status == 206) {
		if (!head->range_ok || head->range_start != d->offset || d->offset == 0)
			return err_set(err, NF_E_FORMAT,
				       "'%s': it sent another range than asked", d->url);
	} else if (d->offset) {
		/* The whole file came instead of the rest. */
		rc = pool_partial_restart(pool, &d->partial, err);
		d->engine->result->resumed_bytes -= d->offset;
		d->offset = 0;
		d->resumed = false;
	}
	if (!rc)
		rc = pool_partial_set_etag(pool, &d->partial, d->url, head->etag, err);
	return rc;
}

static int on_data(void *ctx, const void *p, size_t len, struct nf_err *err)
{
	struct download *d = ctx;
	int rc;

	if (retry_judge(d->status) != RETRY_OK)
		return 0; /* an error page */
	rc = pool_partial_write(d->engine->opts->pool, &d->partial, d->offset, p, len,
				err);
	if (rc)
		return rc;
	d->offset += len;
	count_bytes(d, len);
	return 0;
}

static void on_failure(struct download *d, const struct transfer_done *done,
		       const char *text)
{
	struct engine *e = d->engine;
	int64_t wait = retry_delay_ms(++d->attempt, done->status, done->retry_after_s,
				      engine_random(e));

	engine_cache_event(d->cache, done->connected ? HEALTH_BROKEN : HEALTH_UNREACHABLE,
			   text);
	if (wait < 0 || engine_cache_is_gone(d->cache) ||
	    scheduler_has_other(e->scheduler, d->node, d->source)) {
		next_source(d, NF_E_NET, text);
		return;
	}
	d->due = engine_now_ms() + wait;
	d->delayed = true;
	e->delayed_downloads++;
}

/* A transfer that ended for a reason of ours, or because of what the server sent. */
static void on_refusal(struct download *d, int rc, const char *text)
{
	if (!is_the_sources_fault(rc)) {
		fatal(d, rc, text);
		return;
	}
	discard_partial(d);
	engine_cache_event(d->cache, HEALTH_LIED, text);
	next_source(d, -rc, text);
}

static void on_done(void *ctx, const struct transfer_done *done, const struct nf_err *err)
{
	struct download *d = ctx;
	char text[128];

	engine_transferring(d->cache, -1);
	if (done->rc == -NF_E_NET) {
		on_failure(d, done, err->text);
		return;
	}
	if (done->rc) {
		on_refusal(d, done->rc, err->text);
		return;
	}
	snprintf(text, sizeof(text), "it answered with HTTP status %ld", done->status);
	if (done->status ==
	    416) { /* there is nothing behind what we have: it is another file */
		discard_partial(d);
		d->resumed = false;
		next_source(d, NF_E_FORMAT, text);
		return;
	}
	switch (retry_judge(done->status)) {
	case RETRY_OK:
		engine_cache_event(d->cache, HEALTH_OK, NULL);
		hand_to_workers(d);
		break;
	case RETRY_LATER:
		on_failure(d, done, text);
		break;
	case RETRY_ABSENT:
		next_source(d, NF_E_MISSING, text);
		break;
	case RETRY_NEVER:
		next_source(d, NF_E_NET, text);
		break;
	}
}

/* Opens the partial where it is not open; what it has is not fetched again. */
static int prepare_partial(struct download *d, struct nf_err *err)
{
	struct engine *e = d->engine;
	const struct runs *runs;
	char id[64];
	int rc;

	if (d->has_partial)
		return 0;
	partial_id(d, id);
	rc = pool_partial_open(e->opts->pool, id, &d->partial, err);
	if (rc)
		return rc;
	d->has_partial = true;
	runs = &d->partial.state.runs;
	if (!runs_are_whole(runs) ||
	    (d->source->file_size && runs_end(runs) > d->source->file_size))
		rc = pool_partial_restart(e->opts->pool, &d->partial, err);
	d->offset = runs_end(runs);
	d->resumed = d->offset > 0;
	e->result->resumed_bytes += d->offset;
	progress_add(e->opts->progress, PROGRESS_BYTES_DONE, d->offset);
	return rc;
}

static void download_ask(struct download *d)
{
	struct engine *e = d->engine;
	const struct resolver_node *node = resolver_node(e->resolver, d->node);
	struct transfer_request req = {
		.url = d->url,
		.max_bytes = body_limit(node->nar_size),
		.large = true,
		.stats = &d->cache->stats->net,
		.ctx = d,
		.head = on_head,
		.data = on_data,
		.done = on_done,
	};
	int rc = prepare_partial(d, &d->ingest.err);

	if (rc) {
		fatal(d, rc, d->ingest.err.text);
		return;
	}
	if (d->source->file_size && d->offset == d->source->file_size) {
		hand_to_workers(d);
		return;
	}
	req.range_start = d->offset;
	req.if_range = partial_state_etag(&d->partial.state, d->url);
	engine_transferring(d->cache, 1);
	transfers_start(e->transfers, &req);
}

/* ---- starting ---- */

static int locate(struct download *d, struct nf_err *err)
{
	const struct resolver_source *s = d->source;

	if (!codec_parse(&d->ingest.codec, nf_slice_str(s->compression)))
		return err_set(err, NF_E_UNSUPPORTED,
			       "compression '%s' cannot be decoded", s->compression);
	if (!d->cache->local)
		d->url = substituter_resolve(d->cache->conf, s->url);
	return 0;
}

static void download_start(struct engine *e, uint32_t node,
			   const struct resolver_source *source)
{
	struct download *d = mem_calloc(1, sizeof(*d));
	int rc;

	d->engine = e;
	d->node = node;
	d->source = source;
	d->cache = &e->caches[source->cache];
	d->item = progress_begin(e->opts->progress, "fetch", path_of(d) + 33);
	LIST_INSERT_HEAD(&e->active, d, link);
	e->downloads++;
	d->cache->downloads++;
	rc = resolver_trusted(e->resolver, node, e->opts->keys, &d->ingest.info,
			      &d->ingest.trusted, &d->ingest.err);
	if (!rc)
		rc = locate(d, &d->ingest.err);
	if (rc)
		next_source(d, -rc, d->ingest.err.text);
	else if (d->cache->local)
		hand_to_workers(d);
	else
		download_ask(d);
}

static void give_up(struct engine *e, uint32_t node)
{
	const struct resolver_node *n = resolver_node(e->resolver, node);

	engine_fail(e, n->base, n->why ? n->why : NF_E_MISSING,
		    n->why_text ? n->why_text : "no source is left");
	if (!e->opts->keep_going)
		e->stopping = true;
}

/* What needs no network comes first, unless the user has it otherwise. */
static int priority_of(const struct cache *c)
{
	return c->local && !c->conf->has_priority ? -1 : c->priority;
}

static void look_at_caches(const struct engine *e, struct scheduler_cache *out,
			   int64_t now)
{
	for (size_t i = 0; i < e->cache_count; i++) {
		const struct cache *c = &e->caches[i];

		out[i] = (struct scheduler_cache){
			.gone = engine_cache_is_gone(c),
			.usable = !engine_cache_is_gone(c) &&
				  health_usable(&c->health, now),
			.active = c->downloads,
			.priority = priority_of(c),
		};
	}
}

static bool has_room(const struct engine *e)
{
	size_t max = e->opts->transfers ? e->opts->transfers : TRANSFERS_DEFAULT;

	return e->transferring + e->delayed_downloads < max && e->ingesting < WAITING_MAX;
}

static void start_what_may(struct engine *e, int64_t now)
{
	struct scheduler_cache caches[SCHEDULER_CACHES_MAX];
	struct resolver_source *source;
	uint32_t node;

	while (!e->stopping && has_room(e)) {
		look_at_caches(e, caches, now);
		switch (scheduler_next(e->scheduler, caches, &node, &source)) {
		case SCHEDULER_START:
			download_start(e, node, source);
			break;
		case SCHEDULER_EXHAUSTED:
			give_up(e, node);
			break;
		case SCHEDULER_WAIT:
			return;
		}
	}
}

static void repeat_due(struct engine *e, int64_t now)
{
	struct download *next;

	if (e->delayed_downloads == 0)
		return;
	for (struct download *d = LIST_FIRST(&e->active); d; d = next) {
		next = LIST_NEXT(d, link);
		if (!d->delayed)
			continue;
		if (engine_cache_is_gone(d->cache)) {
			next_source(d, NF_E_NET, "the cache is down");
		} else if (d->due <= now && health_usable(&d->cache->health, now)) {
			d->delayed = false;
			e->delayed_downloads--;
			download_ask(d);
		}
	}
}

void download_pump(struct engine *e, int64_t now)
{
	ingest_collect(e);
	if (e->stopping)
		return;
	repeat_due(e, now);
	if (!e->opts->dry_run)
		start_what_may(e, now);
}

int64_t download_next_due(const struct engine *e, int64_t now, int64_t limit)
{
	const struct download *d;

	LIST_FOREACH (d, &e->active, link)
		if (d->delayed && d->due - now < limit)
			limit = d->due > now ? d->due - now : 0;
	return limit;
}

void download_end(struct engine *e)
{
	struct download *next;

	ingest_collect(e);
	for (struct download *d = LIST_FIRST(&e->active); d; d = next) {
		next = LIST_NEXT(d, link);
		download_free(d);
	}
}
