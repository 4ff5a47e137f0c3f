#include "format/build_account.h"

#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/slice.h"
#include "format/build_log.h"
#include "format/build_span.h"

struct activity {
	enum build_log_activity type;
	size_t span;
	size_t item; /* of the copies or builds */
	size_t cache;
	uint64_t bytes;
	bool ended;
};

struct build_account_reader {
	struct build_account account;
	struct build_log_parser parser;
	struct arena arena;
	struct map ids, urls; /* index of an activity + 1; urls: its last transfer */
	struct map caches;    /* index + 1 */
	struct map asked;     /* names of paths that caches were asked for */
	struct map drvs;      /* index of a build + 1 */
	struct activity *activities;
	struct build_span *spans;
	size_t nactivities, cap_activities, nspans, cap_spans;
	size_t cap_caches, cap_copies, cap_builds;
	uint64_t now;
	bool any, timed;
};

struct build_account_reader *build_account_reader_new(void)
{
	struct build_account_reader *r = mem_calloc(1, sizeof(*r));

	build_log_parser_init(&r->parser);
	arena_init(&r->arena);
	map_init(&r->ids);
	map_init(&r->urls);
	map_init(&r->caches);
	map_init(&r->asked);
	map_init(&r->drvs);
	return r;
}

void build_account_reader_free(struct build_account_reader *r)
{
	if (!r)
		return;
	build_log_parser_release(&r->parser);
	map_release(&r->ids);
	map_release(&r->urls);
	map_release(&r->caches);
	map_release(&r->asked);
	map_release(&r->drvs);
	arena_release(&r->arena);
	free(r->account.caches);
	free(r->account.copies);
	free(r->account.builds);
	free(r->activities);
	free(r->spans);
	free(r);
}

/* ---- limits ---- */

/* Whether something more can be kept, with NAME. */
static bool has_room(struct build_account_reader *r, struct nf_slice name)
{
	if (name.len <= BUILD_LOG_NAME_MAX && r->arena.total < BUILD_LOG_TEXT_MAX &&
	    r->nspans < BUILD_LOG_ITEMS_MAX && r->nactivities < BUILD_LOG_ITEMS_MAX)
		return true;
	r->account.ignored++;
	return false;
}

static void add_bytes(uint64_t *sum, uint64_t n)
{
	*sum = *sum > UINT64_MAX - n ? UINT64_MAX : *sum + n;
}

/* The value of KEY in a map, which is added if it is missing. */
static uintptr_t *put_copy(struct build_account_reader *r, struct map *map,
			   struct nf_slice key)
{
	uintptr_t *value = map_get(map, key);
	bool is_new;

	return value ? value : map_put(map, arena_slice(&r->arena, key), &is_new);
}

/* ---- caches ---- */

/* A cache's name is its URL without parameters, user and password. */
static struct nf_slice keep_cache_name(struct build_account_reader *r,
				       struct nf_slice url)
{
	struct nf_slice rest = url, base = slice_cut(&rest, '?'), host;
	AUTO_BUF struct buf name = { 0 };
	const char *start, *at;

	while (base.len && base.ptr[base.len - 1] == '/')
		base.len--;
	start = base.len ? memmem(base.ptr, base.len, "://", 3) : NULL;
	if (!start)
		return arena_slice(&r->arena, base);
	start += 3;
	rest = nf_slice(start, base.len - (size_t)(start - base.ptr));
	host = slice_cut(&rest, '/');
	at = host.len ? memrchr(host.ptr, '@', host.len) : NULL;
	if (!at)
		return arena_slice(&r->arena, base);
	buf_init(&name, BUILD_LOG_NAME_MAX);
	buf_add(&name, base.ptr, (size_t)(start - base.ptr));
	buf_add(&name, at + 1, base.len - (size_t)(at + 1 - base.ptr));
	return arena_slice(&r->arena, buf_slice(&name));
}

static size_t cache_named(struct build_account_reader *r, struct nf_slice url)
{
	struct build_account *a = &r->account;
	struct nf_slice name = keep_cache_name(r, url);
	bool is_new;
	uintptr_t *index = map_put(&r->caches, name, &is_new);

	if (is_new) {
		MEM_GROW(a->caches, a->ncaches, r->cap_caches);
		a->caches[a->ncaches++] = (struct build_account_cache){ .name = name };
		*index = a->ncaches;
	}
	return *index - 1;
}

struct address {
	struct nf_slice base; /* of the cache, or the whole */
	enum build_span_kind kind;
};

/* What a URL of a cache's file belongs to. */
static struct address address_of(struct nf_slice url)
{
	struct nf_slice file = url, path = slice_cut(&file, '?');
	const char *nar = path.len ? memmem(path.ptr, path.len, "/nar/", 5) : NULL;
	const char *slash = path.len ? memrchr(path.ptr, '/', path.len) : NULL;
	struct nf_slice base = path;

	if (nar)
		return (struct address){ nf_slice(path.ptr, (size_t)(nar - path.ptr)),
					 BUILD_SPAN_COPY };
	if (!slash)
		return (struct address){ path, BUILD_SPAN_NOTHING };
	base.len = (size_t)(slash - path.ptr);
	if (slice_ends_with(path, ".narinfo") || slice_ends_with(path, "/nix-cache-info"))
		return (struct address){ base, BUILD_SPAN_ASK };
	return (struct address){ path, BUILD_SPAN_NOTHING };
}

/* ---- activities ---- */

static size_t add_span(struct build_account_reader *r, enum build_span_kind kind,
		       size_t cache)
{
	MEM_GROW(r->spans, r->nspans, r->cap_spans);
	r->spans[r->nspans] = (struct build_span){ r->now, UINT64_MAX, kind, cache };
	return r->nspans++;
}

static struct activity *find_activity(struct build_account_reader *r, uint64_t id)
{
	uintptr_t *index = map_get(&r->ids, nf_slice((const char *)&id, sizeof(id)));

	return index && *index ? &r->activities[*index - 1] : NULL;
}

static size_t add_activity(struct build_account_reader *r, uint64_t id,
			   const struct activity *activity)
{
	*put_copy(r, &r->ids, nf_slice((const char *)&id, sizeof(id))) =
		r->nactivities + 1;
	MEM_GROW(r->activities, r->nactivities, r->cap_activities);
	r->activities[r->nactivities] = *activity;
	return r->nactivities++;
}

static size_t add_copy(struct build_account_reader *r, const struct build_log_event *e)
{
	struct build_account *a = &r->account;
	size_t cache = cache_named(r, e->field[1]);

	MEM_GROW(a->copies, a->ncopies, r->cap_copies);
	a->copies[a->ncopies] = (struct build_account_copy){
		.path = arena_slice(&r->arena, e->field[0]),
		.cache = cache,
		.from_ms = r->now,
		.to_ms = UINT64_MAX,
	};
	a->caches[cache].copies++;
	return a->ncopies++;
}

static size_t add_build(struct build_account_reader *r, const struct build_log_event *e)
{
	struct build_account *a = &r->account;
	struct nf_slice drv = arena_slice(&r->arena, e->field[0]);
	bool is_new;

	MEM_GROW(a->builds, a->nbuilds, r->cap_builds);
	a->builds[a->nbuilds] = (struct build_account_build){
		.drv = drv,
		.machine = arena_slice(&r->arena, e->field[1]),
		.from_ms = r->now,
		.to_ms = UINT64_MAX,
	};
	*map_put(&r->drvs, drv, &is_new) = ++a->nbuilds;
	return a->nbuilds - 1;
}

static void start_copy(struct build_account_reader *r, const struct build_log_event *e)
{
	struct activity act = { .type = BUILD_LOG_COPY_PATH };

	if (!e->field[0].len || !has_room(r, e->field[0]) || !has_room(r, e->field[1]))
		return;
	act.item = add_copy(r, e);
	act.cache = r->account.copies[act.item].cache;
	act.span = add_span(r, BUILD_SPAN_COPY, act.cache);
	add_activity(r, e->id, &act);
}

static void start_build(struct build_account_reader *r, const struct build_log_event *e)
{
	struct activity act = { .type = BUILD_LOG_BUILD };

	if (!e->field[0].len || !has_room(r, e->field[0]) || !has_room(r, e->field[1]))
		return;
	act.item = add_build(r, e);
	act.span = add_span(r, BUILD_SPAN_BUILD, 0);
	add_activity(r, e->id, &act);
}

static void start_transfer(struct build_account_reader *r,
			   const struct build_log_event *e)
{
	const struct activity *parent = find_activity(r, e->parent);
	struct activity act = { .type = BUILD_LOG_TRANSFER };
	struct address to = address_of(e->field[0]);

	if (!e->field[0].len || !has_room(r, e->field[0]))
		return;
	if (parent && parent->type == BUILD_LOG_COPY_PATH) {
		act.cache = parent->cache;
		to.kind = BUILD_SPAN_COPY;
	} else {
		act.cache = cache_named(r, to.base);
	}
	act.span = add_span(r, to.kind, act.cache);
	*put_copy(r, &r->urls, e->field[0]) = add_activity(r, e->id, &act) + 1;
}

/* The name of an output is the derivation's, which other outputs extend ("-dev"). */
static void note_query(struct build_account_reader *r, struct nf_slice path)
{
	const char *last;
	struct nf_slice name = path;

	while (memchr(name.ptr ? name.ptr : "", '/', name.len))
		slice_cut(&name, '/');
	slice_cut(&name, '-');
	if (!name.len || !has_room(r, name))
		return;
	*put_copy(r, &r->asked, name) = 1;
	last = memrchr(name.ptr, '-', name.len);
	if (last && (last[1] < '0' || last[1] > '9'))
		*put_copy(r, &r->asked, nf_slice(name.ptr, (size_t)(last - name.ptr))) =
			1;
}

static void note_start(struct build_account_reader *r, const struct build_log_event *e)
{
	switch (e->type) {
	case BUILD_LOG_COPY_PATH:
		start_copy(r, e);
		break;
	case BUILD_LOG_TRANSFER:
		start_transfer(r, e);
		break;
	case BUILD_LOG_BUILD:
		start_build(r, e);
		break;
	case BUILD_LOG_QUERY:
		note_query(r, e->field[0]);
		break;
	}
}

static void note_stop(struct build_account_reader *r, uint64_t id)
{
	struct activity *act = find_activity(r, id);
	struct build_account_build *b;

	if (!act || act->ended)
		return;
	act->ended = true;
	if (r->spans[act->span].from > r->now)
		r->spans[act->span].from = r->now;
	r->spans[act->span].to = r->now;
	if (act->type == BUILD_LOG_COPY_PATH)
		r->account.copies[act->item].to_ms = r->now;
	if (act->type != BUILD_LOG_BUILD)
		return;
	b = &r->account.builds[act->item];
	b->to_ms = r->now;
	if (b->state == BUILD_ACCOUNT_STARTED)
		b->state = BUILD_ACCOUNT_ENDED;
}

static void note_progress(struct build_account_reader *r, const struct build_log_event *e)
{
	struct activity *act = find_activity(r, e->id);

	if (!act || e->number[0] > NAR_SIZE_MAX || e->number[0] <= act->bytes)
		return;
	if (act->type == BUILD_LOG_COPY_PATH)
		r->account.copies[act->item].nar_size = e->number[0];
	else if (act->type == BUILD_LOG_TRANSFER &&
		 r->spans[act->span].kind == BUILD_SPAN_COPY)
		add_bytes(&r->account.caches[act->cache].downloaded,
			  e->number[0] - act->bytes);
	act->bytes = e->number[0];
}

/* ---- messages ---- */

/* The time until now was lost. A further attempt begins after the pause. */
static void lose_time(struct build_account_reader *r, struct activity *act,
		      const struct build_log_failure *f)
{
	struct build_span *span = &r->spans[act->span];
	enum build_span_kind kind = span->kind;

	if (kind == BUILD_SPAN_FAILED && act->ended)
		return;
	span->kind = BUILD_SPAN_FAILED;
	if (act->ended)
		return;
	span->to = r->now + f->delay_ms;
	if (!f->retries || r->nspans >= BUILD_LOG_ITEMS_MAX)
		return;
	act->span = add_span(r, kind, act->cache);
	r->spans[act->span].from = r->now + f->delay_ms;
	act->bytes = 0;
}

static void note_failure(struct build_account_reader *r,
			 const struct build_log_failure *f)
{
	uintptr_t *index = map_get(&r->urls, f->url);
	struct activity *act = index ? &r->activities[*index - 1] : NULL;
	struct build_account_cache *cache;
	size_t which;

	if (!has_room(r, f->url) || !has_room(r, f->why))
		return;
	which = act ? act->cache : cache_named(r, address_of(f->url).base);
	cache = &r->account.caches[which];
	cache->failures++;
	add_bytes(&cache->retry_ms, f->delay_ms);
	if (!cache->why.len)
		cache->why = arena_slice(&r->arena, f->why);
	if (act)
		lose_time(r, act, f);
}

static void note_message(struct build_account_reader *r, struct nf_slice text)
{
	struct build_log_failure f;
	struct nf_slice drv;
	uintptr_t *index;

	if (build_log_failure_in(text, &f)) {
		note_failure(r, &f);
	} else if (build_log_failed_build_in(text, &drv)) {
		index = map_get(&r->drvs, drv);
		if (index)
			r->account.builds[*index - 1].state = BUILD_ACCOUNT_FAILED;
	}
}

/* ---- lines ---- */

static void note_event(struct build_account_reader *r, const struct build_log_event *e)
{
	switch (e->kind) {
	case BUILD_LOG_START:
		note_start(r, e);
		break;
	case BUILD_LOG_STOP:
		note_stop(r, e->id);
		break;
	case BUILD_LOG_PROGRESS:
		note_progress(r, e);
		break;
	case BUILD_LOG_MESSAGE:
		note_message(r, e->text);
		break;
	case BUILD_LOG_COPYING:
		if (has_room(r, e->field[0]) && has_room(r, e->field[1]))
			add_copy(r, e);
		break;
	case BUILD_LOG_BUILDING:
		if (has_room(r, e->field[0]))
			add_build(r, e);
		break;
	case BUILD_LOG_BROKEN:
		r->account.broken++;
		break;
	case BUILD_LOG_OTHER:
		break;
	}
}

static void read_line(struct build_account_reader *r, struct nf_slice line)
{
	struct build_log_event e;

	build_log_parse(&r->parser, line, &e);
	r->account.is_json = r->account.is_json || e.kind == BUILD_LOG_START;
	note_event(r, &e);
}

void build_account_line(struct build_account_reader *r, struct nf_slice line)
{
	bool first = !r->any;
	uint64_t ms;

	r->any = true;
	if (first && nf_slice_is(line, BUILD_LOG_TIMED)) {
		r->timed = true;
		return;
	}
	if (r->timed && build_log_cut_time(&line, &ms)) {
		build_account_line_at(r, line, ms);
		return;
	}
	read_line(r, line);
}

void build_account_line_at(struct build_account_reader *r, struct nf_slice line,
			   uint64_t now_ms)
{
	r->timed = true;
	if (now_ms > r->now)
		r->now = now_ms;
	read_line(r, line);
}

/* ---- the end ---- */

/* "/nix/store/HASH-NAME.drv": the name. */
static struct nf_slice name_of_drv(struct nf_slice drv)
{
	while (drv.len && memchr(drv.ptr, '/', drv.len))
		slice_cut(&drv, '/');
	slice_cut(&drv, '-');
	if (slice_ends_with(drv, ".drv"))
		drv.len -= strlen(".drv");
	return drv;
}

static void close_builds(struct build_account_reader *r)
{
	for (size_t i = 0; i < r->account.nbuilds; i++) {
		struct build_account_build *b = &r->account.builds[i];

		if (b->to_ms == UINT64_MAX)
			b->to_ms = r->now;
		if (!r->asked.len)
			continue;
		b->reason = map_get(&r->asked, name_of_drv(b->drv))
				    ? BUILD_ACCOUNT_IN_NO_CACHE
				    : BUILD_ACCOUNT_NOT_ASKED;
	}
}

const struct build_account *build_account_finish(struct build_account_reader *r)
{
	struct build_account *a = &r->account;

	close_builds(r);
	for (size_t i = 0; i < a->ncopies; i++)
		if (a->copies[i].to_ms == UINT64_MAX)
			a->copies[i].to_ms = r->now;
	/* Plain lines do not say when something ends. */
	a->has_times = r->timed && a->is_json;
	if (a->has_times) {
		build_span_times(r->spans, r->nspans, r->now, &a->times);
		build_span_caches(r->spans, r->nspans, r->now, a->caches);
	} else {
		a->times.total = r->now;
	}
	return a;
}
