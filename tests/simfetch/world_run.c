#include "world_run.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/stream.h"
#include "bulk.h"
#include "caches/history.h"
#include "must.h"
#include "orders.h"
#include "places.h"

void world_run_broken(struct world_run *r, const char *fmt, ...)
{
	va_list args;

	if (r->failure[0])
		return;
	va_start(args, fmt);
	vsnprintf(r->failure, sizeof(r->failure), fmt, args);
	va_end(args);
}

/* ---- the engine ---- */

static char *scratch(void)
{
	bool has_shm = access("/dev/shm", W_OK) == 0;
	char *dir = mem_printf("%s/nixferry-sim.XXXXXX", has_shm ? "/dev/shm" : "/tmp");

	if (!mkdtemp(dir)) {
		perror(dir);
		abort();
	}
	return dir;
}

static void name_cache(struct world_run *r, size_t cache)
{
	const struct net_cache *c = &r->world->caches[cache];
	AUTO_FREE char *url = NULL;
	AUTO_FREE char *root = mem_printf("%s/c%zu", r->dir, cache);
	struct nf_err err;

	if (c->place == NET_STORE) {
		MUST(local_store_open(&r->store, root, &err), &err);
		return;
	}
	if (c->place == NET_AWAY)
		url = mem_printf("http://c%zu.sim", cache);
	else if (c->priority > 0)
		url = mem_printf("file://%s?priority=%d", root, c->priority);
	else
		url = mem_printf("file://%s", root);
	MUST(substituter_parse(&r->substituters[r->substituter_count++],
			       nf_slice_str(url), &err),
	     &err);
}

/* What an earlier run measured. */
static void write_history(struct world_run *r)
{
	AUTO(history_release) struct history h = HISTORY_INIT;
	struct nf_err err;
	int64_t now = time(NULL);

	r->history = mem_printf("%s/history", r->dir);
	for (size_t i = 0; i < r->substituter_count; i++) {
		const struct net_cache *c = &r->world->caches[i];
		struct history_entry e = { .answered = now };

		history_measured(&e, now, (uint32_t)(c->latency_ms * 1000),
				 (uint64_t)c->rate);
		if (c->is_known)
			history_learn(&h, r->substituters[i].url, &e);
	}
	MUST(history_save(&h, r->history, &err), &err);
}

static void name_all(struct world_run *r)
{
	const struct fetch_world *w = r->world;

	for (size_t i = 0; i < w->cache_count; i++)
		name_cache(r, i);
	r->targets = mem_calloc(w->path_count, sizeof(*r->targets));
	for (size_t i = 0; i < w->path_count; i++)
		if (w->paths[i].is_target)
			r->targets[r->target_count++] = w->paths[i].goods.info.path;
}

static void run_once(struct world_run *r, const struct goods_keys *k, double stop_ms)
{
	const struct fetch_world *w = r->world;
	struct transport transport = net_transport(r->net, stop_ms);
	struct fetch_options o = {
		.paths = r->targets,
		.path_count = r->target_count,
		.substituters = r->substituters,
		.substituter_count = r->substituter_count,
		.store = r->store,
		.history = r->history,
		.keys = k->ring,
		.pool = r->pool,
		.level = POOL_KEEP,
		.http = { .connections = w->connections,
			  .limit = { .rate = w->limit_rate } },
		.jobs = 1,
		.transfers = w->slots,
		.keep_going = !w->stops_at_first,
		.retry_for_ms = w->retry_for_ms,
		.no_race = w->no_race,
		.progress = r->progress,
		.transport = &transport,
		.seed = w->seed | 1,
	};

	fetch_result_release(&r->result);
	r->rc = fetch_closure(&o, &r->result, &r->err);
}

static void tell_notes(struct world_run *r, bool trace)
{
	char *note;

	while ((note = progress_take_note(r->progress))) {
		if (trace)
			fprintf(stderr, "note: %s\n", note);
		free(note);
	}
}

/* ---- results ---- */

static void check_bytes(struct world_run *r, const struct nf_narinfo *ni, size_t path)
{
	const struct goods *g = &r->world->paths[path].goods;
	const struct buf *nar = &g->files[GOODS_PLAIN].bytes;
	AUTO_FD int fd = -1;
	AUTO(source_closep) struct nf_source *in = NULL;
	struct nf_slice s;
	uint64_t at = 0;
	enum codec codec;
	int rc = pool_open_nar(r->pool, ni, &fd, &r->err);

	if (rc || !codec_parse(&codec, ni->compression)) {
		world_run_broken(r, "path %zu in the pool cannot be read", path);
		return;
	}
	in = decoder_new(codec, nf_source_of_fd_range(fd, 0, UINT64_MAX));
	while (!(rc = source_next(in, &s, &r->err)) && s.len) {
		if (s.len > nar->len - at || memcmp(s.ptr, nar->ptr + at, s.len) != 0) {
			world_run_broken(r, "path %zu in the pool has wrong bytes", path);
			return;
		}
		at += s.len;
	}
	if (rc || at != nar->len)
		world_run_broken(r, "path %zu in the pool is not whole", path);
}

static void look_for(struct world_run *r, size_t path)
{
	const struct goods *g = &r->world->paths[path].goods;
	struct nf_narinfo ni;
	struct nf_err err;
	int rc = pool_find(r->pool, &g->info.path, &ni, &err);

	if (r->world->is_bulk && rc == -NF_E_MISSING) {
		r->came[path] = bulk_came(path) != 0;
		r->came_count += r->came[path];
		return;
	}
	r->came[path] = rc == 0;
	r->came_count += rc == 0;
	if (!rc && (!nf_hash_eq(&ni.info.nar_hash, &g->info.nar_hash) ||
		    ni.info.nrefs != g->info.nrefs))
		world_run_broken(r, "path %zu in the pool has wrong facts", path);
	else if (!rc)
		check_bytes(r, &ni, path);
	nf_narinfo_release(&ni);
}

static void look_at_pool(struct world_run *r)
{
	struct pool_sums sums;

	for (size_t i = 0; i < r->world->path_count; i++)
		look_for(r, i);
	MUST(pool_sum(r->pool, &sums, &r->err), &r->err);
	if (sums.entries != (r->world->is_bulk ? 0 : r->came_count))
		world_run_broken(r, "the pool has %zu entries, %zu came", sums.entries,
				 r->came_count);
}

static void open_pool(struct world_run *r)
{
	AUTO_FREE char *dir = mem_printf("%s/pool", r->dir);

	MUST(pool_open(&r->pool, dir, &r->err), &r->err);
}

static void begin_bulk(struct world_run *r)
{
	const struct fetch_world *w = r->world;

	bulk_begin(w, r->pool);
	write_history(r);
	for (size_t i = 0; i < w->path_count; i++)
		if (w->paths[i].present)
			bulk_leave_partial(w, i);
}

void world_run(struct world_run *r, struct fetch_world *w, const struct goods_keys *k,
	       bool trace)
{
	const char *broken;

	*r = (struct world_run){ .world = w, .net = net_new(w, trace), .dir = scratch() };
	r->came = mem_calloc(w->path_count, sizeof(*r->came));
	r->progress = progress_new();
	places_make(w, r->dir);
	name_all(r);
	open_pool(r);
	if (w->is_bulk)
		begin_bulk(r);
	run_once(r, k, w->killed_at_ms);
	tell_notes(r, trace);
	if (net_was_stopped(r->net)) {
		run_once(r, k, 0);
		tell_notes(r, trace);
	}
	if (net_failure(r->net))
		world_run_broken(r, "%s", net_failure(r->net));
	broken = orders_broken(!net_was_stopped(r->net) && !w->stops_at_first);
	if (broken)
		world_run_broken(r, "%s", broken);
	look_at_pool(r);
}

void world_run_release(struct world_run *r)
{
	struct nf_err err;

	fetch_result_release(&r->result);
	progress_free(r->progress);
	pool_free(r->pool);
	local_store_free(r->store);
	bulk_end();
	for (size_t i = 0; i < r->substituter_count; i++)
		substituter_release(&r->substituters[i]);
	free(r->targets);
	free(r->came);
	net_free(r->net);
	MUST(file_remove_tree_at(AT_FDCWD, r->dir, &err), &err);
	free(r->dir);
	free(r->history);
}

/* ---- checks ---- */

bool world_run_accused(const struct world_run *r, size_t cache)
{
	return r->result.caches[cache].net.failures[TRANSFER_FAILED_CONTENT] != 0;
}

const struct fetch_failure *world_run_failure_of(const struct world_run *r, size_t path)
{
	const char *base = r->world->paths[path].goods.info.path.base;

	for (size_t i = 0; i < r->result.failure_count; i++)
		if (strcmp(r->result.failures[i].path, base) == 0)
			return &r->result.failures[i];
	return NULL;
}
