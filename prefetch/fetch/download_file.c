#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "fetch/download_file.h"

/* With more files than this, those without an active part are closed. */
#define OPEN_FILES_MAX 256

/* Smaller files are decoded soon after they are complete; larger ones are followed once
 * this much of them is present. */
#define FOLLOW_SIZE_MIN MIB
#define FOLLOW_FIRST	(256 * KIB)

/* "f-" or "u-", 52 characters, "-bzip2", NUL */
#define PARTIAL_ID_SIZE	 64
#define PARTIAL_HASH_END (2 + 52)

/* A partial download is identified by the file that it is part of: the hash of the file
 * if the narinfo has it, with the encoding, because the hash that some narinfos give is
 * that before re-encoding; otherwise by the URL. */
static void partial_id(const struct resolver_offer *s, const struct cache *c,
		       char out[PARTIAL_ID_SIZE])
{
	uint8_t digest[BLAKE2B_SIZE];
	AUTO_FREE char *url = NULL;
	enum codec codec;

	if (s->has_file_hash && codec_parse(&codec, nf_slice_str(s->compression))) {
		memcpy(out, "f-", 2);
		nix32_encode(out + 2, s->file_hash, 32);
		snprintf(out + PARTIAL_HASH_END, PARTIAL_ID_SIZE - PARTIAL_HASH_END,
			 "-%s", codec_name(codec));
		return;
	}
	url = substituter_resolve(c->conf, s->url);
	blake2b(digest, url ? url : s->url, strlen(url ? url : s->url));
	memcpy(out, "u-", 2);
	nix32_encode(out + 2, digest, sizeof(digest));
}

bool download_file_is_same(const struct download_file *f,
			   const struct resolver_offer *offer)
{
	const struct cache *caches = f->nar->engine->caches;
	char a[PARTIAL_ID_SIZE], b[PARTIAL_ID_SIZE];

	if (caches[f->offer->cache].local || caches[offer->cache].local)
		return false;
	partial_id(f->offer, &caches[f->offer->cache], a);
	partial_id(offer, &caches[offer->cache], b);
	return strcmp(a, b) == 0;
}

/* A restarted download may replace one that was given up. */
static struct download_file *find_file(struct wanted_nar *d,
				       const struct dispatch_order *o,
				       const struct resolver_offer *offer)
{
	struct download_file *f;

	LIST_FOREACH (f, &d->files, link) {
		if (f->number == o->file &&
		    (!o->fresh || download_file_is_same(f, offer)))
			return f;
		if (o->fresh && LIST_EMPTY(&f->parts) && !f->at_worker &&
		    download_file_is_same(f, offer))
			return f;
	}
	return NULL;
}

struct download_file *download_file_of(struct wanted_nar *d,
				       const struct dispatch_order *o,
				       const struct resolver_offer *offer,
				       void (*done)(struct ingest *job))
{
	struct download_file *f = find_file(d, o, offer);

	if (!f) {
		f = mem_calloc(1, sizeof(*f));
		f->nar = d;
		f->partial.fd = -1;
		f->ingest.done = done;
		LIST_INSERT_HEAD(&d->files, f, link);
	}
	if (o->fresh)
		download_file_unfollow(f);
	f->number = o->file;
	f->offer = offer;
	f->cache = &d->engine->caches[offer->cache];
	f->size = dispatch_part_size(d->engine->dispatch, o->part);
	return f;
}

int download_file_describe(struct download_file *f, struct nf_err *err)
{
	struct engine *e = f->nar->engine;

	if (f->ingest.follow)
		return 0;
	/* Also a hint: if the encoding has an unknown name, the file's first bytes
	 * decide. */
	f->ingest.unknown = NULL;
	if (!codec_parse(&f->ingest.codec, nf_slice_str(f->offer->compression))) {
		f->ingest.codec = CODEC_NONE;
		f->ingest.unknown = f->offer->compression;
	}
	nf_pathinfo_release(&f->ingest.info);
	return resolver_trusted(e->resolver, f->nar->node, e->opts->keys, &f->ingest.info,
				&f->ingest.trusted, err);
}

/* ---- the partial ---- */

static void tell_present(struct download_file *f, uint32_t part)
{
	struct engine *e = f->nar->engine;
	const struct byte_ranges *ranges = &f->partial.state.ranges;
	uint64_t bytes = byte_ranges_total(ranges);

	for (size_t i = 0; i < ranges->len; i++)
		dispatch_present(e->dispatch, part, ranges->list[i].from,
				 ranges->list[i].end);
	e->result->resumed_bytes += bytes;
	progress_add(e->opts->progress, PROGRESS_BYTES_DONE, bytes);
}

void download_file_show(const struct download_file *f)
{
	struct progress *p = f->nar->engine->opts->progress;
	uint64_t size = f->size ? f->size : f->offer->file_size;

	if (!p || f->at_worker)
		return;
	progress_item(p, f->nar->item, byte_ranges_total(&f->partial.state.ranges),
		      size == DISPATCH_TO_END ? 0 : size);
	progress_item_from(p, f->nar->item, f->cache->shown);
}

static int open_partial(struct download_file *f, struct nf_err *err)
{
	struct engine *e = f->nar->engine;
	char id[PARTIAL_ID_SIZE];
	struct nf_storepath path;
	int rc;

	if (f->is_open)
		return 0;
	partial_id(f->offer, f->cache, id);
	rc = pool_partial_open(e->opts->pool, id, &f->partial, err);
	if (rc)
		return rc;
	resolver_path(e->resolver, f->nar->node, &path);
	pool_partial_set_path(&f->partial, &path);
	f->is_open = true;
	e->downloads.open_files++;
	return 0;
}

/* ---- decoding and verifying ---- */

/* How much is present from the beginning on. */
static uint64_t beginning(const struct download_file *f)
{
	const struct byte_ranges *ranges = &f->partial.state.ranges;

	return ranges->len && ranges->list[0].from == 0 ? ranges->list[0].end : 0;
}

static void fill_job(struct download_file *f, struct local_cache *local)
{
	f->ingest.ingests = f->nar->engine->ingests;
	f->ingest.local = local;
	f->ingest.local_url = f->offer->url;
	f->ingest.partial = &f->partial;
}

static bool hand_to_follower(struct download_file *f)
{
	fill_job(f, NULL);
	return ingest_follow(&f->ingest);
}

void download_file_grew(struct download_file *f)
{
	uint64_t there = beginning(f);

	if (f->ingest.follow) {
		follow_advance(f->ingest.follow, there);
		return;
	}
	if (f->was_spoilt_early || f->size < FOLLOW_SIZE_MIN || there < FOLLOW_FIRST)
		return;
	if (hand_to_follower(f))
		follow_advance(f->ingest.follow, there);
}

void download_file_unfollow(struct download_file *f)
{
	if (f->ingest.follow && !f->at_worker)
		ingest_withdraw(&f->ingest);
}

void download_file_submit(struct download_file *f, struct local_cache *local)
{
	struct wanted_nar *d = f->nar;
	struct engine *e = d->engine;

	progress_end(e->opts->progress, d->item);
	d->item = progress_begin(e->opts->progress, destination_verb(e->destination),
				 resolver_node(e->resolver, d->node)->base + 33);
	f->at_worker = true;
	e->downloads.unverified += !local;
	if (f->ingest.follow) {
		ingest_is_whole(&f->ingest);
		return;
	}
	fill_job(f, local);
	ingest_submit(&f->ingest);
}

/* ---- its parts ---- */

int download_file_prepare(struct download_file *f, const struct dispatch_order *o,
			  struct nf_err *err)
{
	struct pool *pool = f->nar->engine->opts->pool;
	bool is_first = !f->was_open;
	int rc;

	rc = open_partial(f, err);
	if (rc)
		return rc;
	f->was_open = true;
	if (o->fresh)
		claims_release(&f->claims);
	if (o->fresh && !is_first) {
		f->was_spoilt_early = false;
		return pool_partial_restart(pool, &f->partial, err);
	}
	if (o->fresh) {
		tell_present(f, o->part);
		f->size = dispatch_part_size(f->nar->engine->dispatch, o->part);
		return 0;
	}
	if (o->is_race)
		return 0;
	/* The bytes already read would be downloaded again. */
	if (o->from < beginning(f))
		download_file_unfollow(f);
	return pool_partial_drop(pool, &f->partial, o->from, o->end, err);
}

bool download_file_has_all(const struct download_file *f)
{
	const struct byte_ranges *ranges = &f->partial.state.ranges;

	return byte_ranges_are_whole(ranges) &&
	       (!f->size || byte_ranges_end(ranges) == f->size);
}

void download_file_consumed(struct download_file *f)
{
	f->is_open = false;
	f->nar->engine->downloads.open_files--;
}

static void close_partial(struct download_file *f)
{
	struct engine *e = f->nar->engine;

	if (!f->is_open)
		return;
	download_file_unfollow(f);
	if (f->is_doubtful)
		pool_partial_discard(e->opts->pool, &f->partial);
	else
		pool_partial_keep(e->opts->pool, &f->partial);
	f->is_open = false;
	e->downloads.open_files--;
}

void download_file_rest(struct download_file *f)
{
	if (!f->is_open || byte_ranges_total(&f->partial.state.ranges) == 0) {
		f->is_doubtful = true;
		download_file_free(f);
	} else if (f->nar->engine->downloads.open_files > OPEN_FILES_MAX) {
		close_partial(f);
	}
}

void download_file_free(struct download_file *f)
{
	close_partial(f);
	LIST_REMOVE(f, link);
	nf_pathinfo_release(&f->ingest.info);
	claims_release(&f->claims);
	free(f);
}
