/* How parts, files and nodes end. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "base/mem.h"
#include "fetch/ask_again.h"
#include "fetch/cache.h"
#include "fetch/download_file.h"
#include "fetch/verdict.h"
#include "fetch/wanted_nar.h"

/* ---- wrong files ---- */

/* This file has another encoding, or is right: then it shows who lied in the earlier
 * bytes. */
static void compare_claims(struct download_file *f)
{
	struct wanted_nar *d = f->nar;

	if (d->claims.len && download_file_is_same(f, d->claimed))
		claims_compare(&d->claims, f->partial.fd);
}

static void accuse(struct wanted_nar *d)
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
		cache_event(c, HEALTH_LIED, text);
		cache_note(c, d->node, text);
	}
}

/* If all bytes came from one cache, it is to blame; otherwise nobody can be blamed
 * yet. */
static void on_spoilt(struct download_file *f, int code, const char *text)
{
	struct wanted_nar *d = f->nar;
	struct engine *e = d->engine;
	uint32_t liar = dispatch_spoilt(e->dispatch, d->node);

	if (liar != DISPATCH_NONE) {
		struct cache *c = &e->caches[liar];

		if (code != NF_E_UNSUPPORTED && code != NF_E_MISSING)
			cache_event(c, HEALTH_LIED, text);
		cache_note(c, d->node, text);
		cache_set_reason(c, d->node, code, text);
		claims_drop(&d->claims, liar);
	} else {
		progress_note(e->opts->progress,
			      "path '%s': the partial download cannot be used: %s",
			      wanted_nar_path(d), text);
		resolver_set_reason(e->resolver, d->node, code, text);
		claims_move(&d->claims, &f->claims);
		d->claimed = f->offer;
	}
	f->is_doubtful = true;
	wanted_nar_drop_file(f);
	wanted_nar_free_if_empty(d);
}

/* ---- parts ---- */

static void take_refusal(const struct part *p, int code, const char *text)
{
	struct wanted_nar *d = p->file->nar;
	struct engine *e = d->engine;

	cache_note(p->cache, d->node, text);
	cache_set_reason(p->cache, d->node, code, text);
	p->file->is_doubtful |= code != NF_E_MISSING && code != NF_E_NET;
	if (p->cache->role == CACHE_POOL)
		e->result->in_pool--;
	else if (p->cache->role == CACHE_STORE)
		e->result->in_store--;
	if (p->cache->role != CACHE_SUBSTITUTER)
		ask_again_others(e, d->node, p->cache);
	else if (code == NF_E_MISSING && !p->cache->local)
		ask_again_cache(e, d->node, p->cache);
}

/* All parts still in progress are too late. The dispatcher will report that itself, but
 * perhaps only when it is next called. */
static void stop_parts(struct wanted_nar *d)
{
	struct download_file *f;
	struct part *p;

	LIST_FOREACH (f, &d->files, link)
		LIST_FOREACH (p, &f->parts, link)
			part_stop(p);
}

static void on_whole(struct download_file *f)
{
	stop_parts(f->nar);
	if (!download_file_has_all(f)) {
		on_spoilt(f, NF_E_MISSING, "the partial download was lost");
		return;
	}
	compare_claims(f);
	download_file_submit(f, NULL);
}

void verdict_part_over(struct part *p, const struct part_outcome *o)
{
	struct download_file *f = p->file;
	struct wanted_nar *d = f->nar;
	struct engine *e = d->engine;

	if (o->how == DISPATCH_REFUSED)
		take_refusal(p, o->code, o->text);
	part_claim(p);
	dispatch_part_end(e->dispatch, p->number, o->how, o->retry_at, engine_now_ms(e));
	part_free(p);
	if ((o->how == DISPATCH_CAME || o->how == DISPATCH_BROKE) &&
	    dispatch_is_whole(e->dispatch, d->node)) {
		on_whole(f);
	} else if (LIST_EMPTY(&f->parts)) {
		download_file_rest(f);
		wanted_nar_free_if_empty(d);
	}
}

/* ---- results of workers ---- */

static void count_local(struct download_file *f)
{
	struct engine *e = f->nar->engine;
	uint64_t n = f->ingest.local_bytes;

	f->cache->stats->bytes += n;
	if (f->cache->role != CACHE_SUBSTITUTER)
		return; /* no download */
	e->result->fetched_bytes += n;
	progress_cache_came(e->opts->progress, f->cache->shown, n);
	progress_add(e->opts->progress, PROGRESS_BYTES_DONE, n);
}

static void end_local_part(struct download_file *f)
{
	struct engine *e = f->nar->engine;
	struct part *p = LIST_FIRST(&f->parts);

	if (!p)
		return; /* too late, but right */
	dispatch_part_end(e->dispatch, p->number, DISPATCH_CAME, 0, engine_now_ms(e));
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
	struct wanted_nar *d = f->nar;
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
	/* Another file of the node is no longer needed. */
	LIST_FOREACH (f, &d->files, link)
		f->is_doubtful = true;
	wanted_nar_free(d);
}

static void on_local_failure(struct download_file *f)
{
	struct wanted_nar *d = f->nar;
	struct part *p = LIST_FIRST(&f->parts);

	if (!p) { /* it was too late anyway */
		wanted_nar_drop_file(f);
		wanted_nar_free_if_empty(d);
		return;
	}
	/* Damage on this machine says nothing about other sources. */
	if (f->ingest.rc != -NF_E_UNSUPPORTED && f->ingest.rc != -NF_E_MISSING)
		cache_event(f->cache, HEALTH_OK, f->ingest.err.text);
	verdict_part_over(p, &(struct part_outcome){
				     .how = DISPATCH_REFUSED,
				     .code = -f->ingest.rc,
				     .text = f->ingest.err.text,
			     });
}

/* The failure may concern bytes that have been replaced since; and only the whole file
 * shows who is to blame. */
static void on_failed_early(struct download_file *f)
{
	f->was_spoilt_early = true;
	if (f->at_worker)
		ingest_submit(&f->ingest);
}

void verdict_on_ingested(struct ingest *job)
{
	struct download_file *f =
		(struct download_file *)((char *)job -
					 offsetof(struct download_file, ingest));
	struct wanted_nar *d = f->nar;

	if (job->rc && job->was_followed && !d->is_over) {
		on_failed_early(f);
		return;
	}
	f->at_worker = false;
	if (job->local)
		count_local(f);
	else
		d->engine->downloads.unverified--;
	if (job->rc == 0 && !job->local)
		download_file_consumed(f);
	if (d->is_over || job->rc == -NF_E_INTR)
		wanted_nar_free(d);
	else if (job->rc == 0)
		on_verified(f);
	else if (err_is_shortage(&job->err) ||
		 (!engine_is_caches_fault(job->rc) && !job->unreadable))
		engine_broken(d->engine, destination_dir(d->engine->destination), job->rc,
			      job->err.text);
	else if (job->local)
		on_local_failure(f);
	else
		on_spoilt(f, -job->rc, job->err.text);
}
