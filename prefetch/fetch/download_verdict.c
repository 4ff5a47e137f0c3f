/* How parts, files and nodes end. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "base/mem.h"
#include "fetch/download.h"

bool download_is_sources_fault(int rc)
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

void download_set_reason(struct download *d, const struct cache *c, int code,
			 const char *text)
{
	AUTO_FREE char *whole = mem_printf("cache '%s': %s", c->conf->url, text);

	resolver_set_reason(d->engine->resolver, d->node, code, whole);
}

static void remember_why(struct download *d, const struct cache *c, int code,
			 const char *text)
{
	struct engine *e = d->engine;

	progress_note(e->opts->progress, "path '%s' from cache '%s': %s",
		      download_path(d), c->conf->url, text);
	download_set_reason(d, c, code, text);
}

/* ---- a file that is wrong ---- */

/* This one is of another encoding, or right: then it tells who lied in what came before.
 */
static void compare_claims(struct download_file *f)
{
	struct download *d = f->download;

	if (d->claims.len && download_file_is_same(f, d->claimed))
		claims_compare(&d->claims, f->partial.fd);
}

static void accuse(struct download *d)
{
	struct engine *e = d->engine;
	const struct claim *claim;
	char text[128];
	size_t at = 0;

	while ((claim = claims_next_wrong(&d->claims, &at))) {
		struct cache *c = &e->caches[claim->cache];

		snprintf(text, sizeof(text),
			 "its bytes from %" PRIu64 " to %" PRIu64 " were wrong",
			 claim->from, claim->end);
		engine_cache_event(c, HEALTH_LIED, text);
		progress_note(e->opts->progress, "path '%s' from cache '%s': %s",
			      download_path(d), c->conf->url, text);
	}
}

/* What came from one cache alone tells of that cache; else nobody can be blamed yet. */
static void on_spoilt(struct download_file *f, int code, const char *text)
{
	struct download *d = f->download;
	struct engine *e = d->engine;
	uint32_t liar = dispatch_spoilt(e->dispatch, d->node);

	if (liar != DISPATCH_NONE) {
		struct cache *c = &e->caches[liar];

		if (code != NF_E_UNSUPPORTED && code != NF_E_MISSING)
			engine_cache_event(c, HEALTH_LIED, text);
		remember_why(d, c, code, text);
		claims_drop(&d->claims, liar);
	} else {
		progress_note(e->opts->progress,
			      "path '%s': what was there of it is of no use: %s",
			      download_path(d), text);
		resolver_set_reason(e->resolver, d->node, code, text);
		claims_move(&d->claims, &f->claims);
		d->claimed = f->source;
	}
	f->is_doubtful = true;
	download_file_free(f);
	download_free_if_empty(d);
}

/* ---- parts ---- */

/* It was asked alone: now the others are. */
static void ask_others(struct engine *e, uint32_t node, const struct cache *from)
{
	if (from->role == CACHE_POOL)
		e->result->in_pool--;
	else
		e->result->in_store--;
	download_want(e, node);
	lookup_again(e, node, from);
	download_answered(e, node);
}

void download_part_refused(struct part *p, int code, const char *text)
{
	struct download *d = p->file->download;

	remember_why(d, p->cache, code, text);
	p->file->is_doubtful |= code != NF_E_MISSING && code != NF_E_NET;
	if (p->cache->role != CACHE_SUBSTITUTER)
		ask_others(d->engine, d->node, p->cache);
	else if (code == NF_E_MISSING && !p->cache->local)
		lookup_anew(d->engine, d->node, p->cache->index);
	download_part_over(p, DISPATCH_REFUSED, 0);
}

/* All parts that are still under way are too late. The dispatcher will say so itself, but
 * perhaps only when it is asked the next time. */
static void stop_parts(struct download *d)
{
	struct download_file *f;
	struct part *p;

	LIST_FOREACH (f, &d->files, link)
		LIST_FOREACH (p, &f->parts, link)
			part_stop(p);
}

static void on_whole(struct download_file *f)
{
	stop_parts(f->download);
	if (!download_file_has_all(f)) {
		on_spoilt(f, NF_E_MISSING, "what had come of it was lost");
		return;
	}
	compare_claims(f);
	download_hand_to_worker(f, NULL);
}

void download_part_over(struct part *p, enum dispatch_end how, int64_t retry_at)
{
	struct download_file *f = p->file;
	struct download *d = f->download;
	struct engine *e = d->engine;

	part_claim(p);
	dispatch_part_end(e->dispatch, p->number, how, retry_at, engine_now_ms());
	part_free(p);
	if ((how == DISPATCH_CAME || how == DISPATCH_BROKE) &&
	    dispatch_is_whole(e->dispatch, d->node)) {
		on_whole(f);
	} else if (LIST_EMPTY(&f->parts)) {
		download_file_rest(f);
		download_free_if_empty(d);
	}
}

/* ---- what workers say ---- */

static void count_local(struct download_file *f)
{
	struct engine *e = f->download->engine;
	uint64_t n = f->ingest.local_bytes;

	f->cache->stats->bytes += n;
	if (f->cache->role != CACHE_SUBSTITUTER)
		return; /* no download */
	e->result->fetched_bytes += n;
	progress_add(e->opts->progress, PROGRESS_BYTES_DONE, n);
}

static void end_local_part(struct download_file *f)
{
	struct part *p = LIST_FIRST(&f->parts);

	if (!p)
		return; /* it was too late, but right */
	dispatch_part_end(f->download->engine->dispatch, p->number, DISPATCH_CAME, 0,
			  engine_now_ms());
	part_free(p);
}

static size_t *count_of(struct fetch_result *r, enum cache_role role)
{
	switch (role) {
	case CACHE_POOL:
		return &r->from_pool;
	case CACHE_STORE:
		return &r->dumped;
	case CACHE_SUBSTITUTER:
		break;
	}
	return &r->fetched;
}

static void on_verified(struct download_file *f)
{
	struct download *d = f->download;
	struct engine *e = d->engine;

	if (f->ingest.local)
		end_local_part(f);
	else
		accuse(d);
	f->cache->stats->nars++;
	*count_of(e->result, f->cache->role) += 1;
	progress_add(e->opts->progress, PROGRESS_PATHS_DONE, 1);
	rest_set(&e->rest, d->node, 0);
	dispatch_verified(e->dispatch, d->node);
	/* Another one of its files is of no use any more. */
	LIST_FOREACH (f, &d->files, link)
		f->is_doubtful = true;
	download_free(d);
}

static void on_local_failure(struct download_file *f)
{
	struct download *d = f->download;
	struct part *p = LIST_FIRST(&f->parts);

	if (!p) { /* it was too late anyway */
		download_file_free(f);
		download_free_if_empty(d);
		return;
	}
	/* Damage on this machine says nothing of what else is there. */
	if (f->ingest.rc != -NF_E_UNSUPPORTED && f->ingest.rc != -NF_E_MISSING)
		engine_cache_event(f->cache, HEALTH_OK, f->ingest.err.text);
	download_part_refused(p, -f->ingest.rc, f->ingest.err.text);
}

static void on_ingested(struct ingest *job);

static void fill_job(struct download_file *f, struct local_source *local)
{
	f->ingest.engine = f->download->engine;
	f->ingest.local = local;
	f->ingest.local_url = f->source->url;
	f->ingest.partial = &f->partial;
	f->ingest.done = on_ingested;
}

/* Perhaps it was of bytes that others have replaced since; and who is to blame can be
 * told of the whole file only. */
static void on_failed_early(struct download_file *f)
{
	f->was_spoilt_early = true;
	if (f->at_worker)
		ingest_submit(&f->ingest);
}

static void on_ingested(struct ingest *job)
{
	struct download_file *f =
		(struct download_file *)((char *)job -
					 offsetof(struct download_file, ingest));
	struct download *d = f->download;

	if (job->rc && job->was_followed && !d->is_over) {
		on_failed_early(f);
		return;
	}
	f->at_worker = false;
	if (job->local)
		count_local(f);
	else
		d->engine->unverified--;
	if (job->rc == 0 && !job->local)
		download_file_consumed(f);
	if (d->is_over || job->rc == -NF_E_INTR)
		download_free(d);
	else if (job->rc == 0)
		on_verified(f);
	else if (err_is_shortage(&job->err) ||
		 (!download_is_sources_fault(job->rc) && !job->unreadable))
		engine_broken(d->engine, destination_dir(d->engine->destination), job->rc,
			      job->err.text);
	else if (job->local)
		on_local_failure(f);
	else
		on_spoilt(f, -job->rc, job->err.text);
}

void download_hand_to_worker(struct download_file *f, struct local_source *local)
{
	struct download *d = f->download;
	struct engine *e = d->engine;

	progress_end(e->opts->progress, d->item);
	d->item = progress_begin(e->opts->progress, destination_verb(e->destination),
				 download_path(d) + 33);
	f->at_worker = true;
	e->unverified += !local;
	if (f->ingest.follow) {
		ingest_is_whole(&f->ingest);
		return;
	}
	fill_job(f, local);
	ingest_submit(&f->ingest);
}

bool download_hand_to_follower(struct download_file *f)
{
	fill_job(f, NULL);
	return ingest_follow(&f->ingest);
}
