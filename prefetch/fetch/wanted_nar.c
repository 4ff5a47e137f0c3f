#include "fetch/wanted_nar.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "fetch/download_file.h"
#include "fetch/part.h"

/* ---- what the dispatcher needs ---- */

void wanted_nar_open(struct engine *e, uint32_t node)
{
	const struct resolver_node *n = resolver_node(e->resolver, node);

	if (!e->opts->dry_run)
		dispatch_want(e->dispatch, node, n->nar_size);
}

/* Equal for caches that claim to have the same bytes. */
static uint64_t file_id(const struct resolver_offer *s)
{
	AUTO_BUF struct buf text = { 0 };
	uint8_t digest[BLAKE2B_SIZE];
	uint64_t id;

	buf_init(&text, NARINFO_MAX);
	if (!s->has_file_hash)
		return 0;
	buf_add(&text, s->file_hash, sizeof(s->file_hash));
	buf_add(&text, &s->file_size, sizeof(s->file_size));
	buf_add_str(&text, s->compression);
	blake2b(digest, text.ptr, text.len);
	memcpy(&id, digest, sizeof(id));
	return id;
}

void wanted_nar_found(struct engine *e, uint32_t node, uint32_t cache)
{
	const struct resolver_offer *s = resolver_offer_of(e->resolver, node, cache);
	struct dispatch_offer told;

	if (e->opts->dry_run || !s || resolver_node(e->resolver, node)->here)
		return;
	told = (struct dispatch_offer){
		.cache = cache,
		.file_size = s->file_size,
		.file_id = file_id(s),
	};
	dispatch_add_offer(e->dispatch, node, &told);
}

void wanted_nar_answered(struct engine *e, uint32_t node)
{
	const struct resolver_node *n = resolver_node(e->resolver, node);

	if (!e->opts->dry_run && n->state == RESOLVER_KNOWN && !n->here &&
	    n->pending == 0)
		dispatch_closed(e->dispatch, node);
}

void wanted_nar_add(struct engine *e, uint32_t node, bool on_this_machine)
{
	const struct resolver_node *n = resolver_node(e->resolver, node);
	struct nf_err err;
	int rc = destination_check(e->destination, n->base, n->nar_hash, &err);

	if (rc) {
		engine_fail(e, n->base, rc, err.text);
		return;
	}
	e->wanted_paths++;
	e->wanted_bytes += n->nar_size;
	if (!on_this_machine) {
		e->result->to_fetch_bytes += n->offers->file_size;
		rest_set(&e->rest, node, n->offers->file_size);
	}
	wanted_nar_open(e, node);
}

/* ---- NARs with bytes present or in progress ---- */

const char *wanted_nar_path(const struct wanted_nar *d)
{
	return resolver_node(d->engine->resolver, d->node)->base;
}

struct wanted_nar *wanted_nar_find(const struct engine *e, uint32_t node)
{
	struct wanted_nar *d;

	LIST_FOREACH (d, &e->downloads.active, link)
		if (d->node == node)
			return d;
	return NULL;
}

struct wanted_nar *wanted_nar_find_or_new(struct engine *e, uint32_t node)
{
	struct wanted_nar *d = wanted_nar_find(e, node);

	if (d)
		return d;
	d = mem_calloc(1, sizeof(*d));
	d->engine = e;
	d->node = node;
	d->item = progress_begin(e->opts->progress, "fetch", wanted_nar_path(d) + 33);
	LIST_INSERT_HEAD(&e->downloads.active, d, link);
	e->downloads.count++;
	return d;
}

void wanted_nar_drop_file(struct download_file *f)
{
	struct part *next;

	for (struct part *p = LIST_FIRST(&f->parts); p; p = next) {
		next = LIST_NEXT(p, link);
		part_free(p);
	}
	download_file_free(f);
}

void wanted_nar_free(struct wanted_nar *d)
{
	struct download_file *f, *next;

	LIST_FOREACH (f, &d->files, link)
		if (f->at_worker) {
			d->is_over = true;
			return;
		}
	for (f = LIST_FIRST(&d->files); f; f = next) {
		next = LIST_NEXT(f, link);
		wanted_nar_drop_file(f);
	}
	LIST_REMOVE(d, link);
	d->engine->downloads.count--;
	progress_end(d->engine->opts->progress, d->item);
	claims_release(&d->claims);
	free(d);
}

void wanted_nar_free_if_empty(struct wanted_nar *d)
{
	if (LIST_EMPTY(&d->files) && !d->claims.len)
		wanted_nar_free(d);
}
