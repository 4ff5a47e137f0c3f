#include "orders.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "orders_state.h"
#include "pool/pool.h"

static struct {
	struct dispatch_options opts;
	bool is_local[CACHES_MAX];
	enum dispatch_state states[CACHES_MAX];
	struct seen_node *nodes;
	size_t node_count, node_cap;
	struct seen_part parts[PARTS_MAX];
	uint32_t last_file; /* of the part that ended last */
	int64_t turn;	    /* when it was asked for orders last */
	size_t turn_orders, left_waiting;
	bool was_there; /* something of what was written last */
	char failure[200];
} seen;

static void broken(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void broken(const char *fmt, ...)
{
	va_list args;

	if (seen.failure[0])
		return;
	va_start(args, fmt);
	vsnprintf(seen.failure, sizeof(seen.failure), fmt, args);
	va_end(args);
}

const char *orders_broken(bool ended)
{
	static char text[sizeof(seen.failure)];

	if (ended && seen.left_waiting)
		broken("%zu files wait in the end", seen.left_waiting);
	memcpy(text, seen.failure, sizeof(text));
	seen.failure[0] = '\0';
	return text[0] ? text : NULL;
}

static struct seen_node *node_at(uint32_t node)
{
	while (seen.node_count <= node) {
		MEM_GROW(seen.nodes, seen.node_count, seen.node_cap);
		seen.nodes[seen.node_count++] = (struct seen_node){ 0 };
	}
	return &seen.nodes[node];
}

static void drop_file(struct seen_node *n, struct seen_file *f)
{
	byte_ranges_release(&f->here);
	byte_ranges_release(&f->refused);
	*f = n->files[--n->file_count];
}

static struct seen_offer *offer_of(struct seen_node *n, uint32_t cache)
{
	for (size_t i = 0; i < n->offer_count; i++)
		if (n->offers[i].told.cache == cache)
			return &n->offers[i];
	return NULL;
}

static struct seen_file *file_of(struct seen_node *n, uint32_t number)
{
	for (size_t i = 0; i < n->file_count; i++)
		if (n->files[i].number == number)
			return &n->files[i];
	return NULL;
}

static struct seen_file *file_of_part(const struct seen_part *p)
{
	return file_of(node_at(p->node), p->file);
}

/* Parts that are too late are cancelled by the dispatcher's next orders. */
static void stop_parts(uint32_t node)
{
	for (size_t i = 0; i < PARTS_MAX; i++)
		if (seen.parts[i].is_busy && seen.parts[i].node == node)
			seen.parts[i].is_stopped = true;
}

/* ---- orders ---- */

static bool is_live(const struct seen_part *p)
{
	return p->is_busy && !p->is_stopped;
}

static void check_slots(const struct dispatch_order *o)
{
	unsigned local = 0, network = 0, cache = 0;

	for (size_t i = 0; i < PARTS_MAX; i++) {
		const struct seen_part *p = &seen.parts[i];

		local += p->is_busy && seen.is_local[p->cache];
		network += p->is_busy && !seen.is_local[p->cache];
		cache += p->is_busy && p->cache == o->cache;
	}
	if (network > seen.opts.slots || local > seen.opts.local_slots)
		broken("%u parts are under way, and %u on this machine", network, local);
	if (!seen.is_local[o->cache] && cache > seen.opts.slots_per_cache)
		broken("cache %u has %u parts under way", o->cache, cache);
	if (seen.states[o->cache] == DISPATCH_TRIAL && cache > 1)
		broken("cache %u has %u parts on trial", o->cache, cache);
}

static void check_offer(const struct dispatch_order *o, const struct seen_offer *s)
{
	if (!s || s->is_dead)
		broken("node %u is asked of cache %u, which does not have it", o->node,
		       o->cache);
	else if (seen.states[o->cache] != DISPATCH_USABLE &&
		 seen.states[o->cache] != DISPATCH_TRIAL)
		broken("cache %u is asked, and not usable", o->cache);
}

static void begin_file(const struct dispatch_order *o, struct seen_node *n,
		       const struct seen_offer *s)
{
	struct seen_file *f = file_of(n, o->file);

	for (size_t i = 0; f && i < PARTS_MAX; i++)
		if (is_live(&seen.parts[i]) && seen.parts[i].node == o->node &&
		    seen.parts[i].file == o->file)
			broken("file %u of node %u is begun again while it is under way",
			       o->file, o->node);
	if (f && n->is_whole && n->whole == o->file)
		broken("file %u of node %u is begun again while it is verified", o->file,
		       o->node);
	if (f)
		drop_file(n, f);
	MEM_GROW(n->files, n->file_count, n->file_cap);
	n->files[n->file_count++] =
		(struct seen_file){ .number = o->file, .of = s->told };
}

static void check_file(const struct dispatch_order *o, struct seen_node *n,
		       const struct seen_offer *s)
{
	const struct seen_file *f = file_of(n, o->file);

	if (!f)
		broken("node %u goes on with file %u, of which nothing is here", o->node,
		       o->file);
	else if (f->of.cache != o->cache &&
		 (!s->told.file_id || f->of.file_id != s->told.file_id))
		broken("node %u: cache %u does not have file %u", o->node, o->cache,
		       o->file);
}

static void cut(const struct dispatch_order *o)
{
	struct seen_part *p = o->cut < PARTS_MAX ? &seen.parts[o->cut] : NULL;

	if (!p || !is_live(p) || p->node != o->node)
		broken("part %u is cut for node %u", o->cut, o->node);
	else if (o->from < p->at || o->from > p->end)
		broken("part %u, at %" PRIu64 " of %" PRIu64 ", is cut at %" PRIu64,
		       o->cut, p->at, p->end, o->from);
	else
		p->end = o->from;
}

static bool is_under_way(const struct dispatch_order *o)
{
	for (size_t i = 0; i < PARTS_MAX; i++) {
		const struct seen_part *p = &seen.parts[i];

		if (is_live(p) && p->node == o->node && p->file == o->file &&
		    p->at < o->end && o->from < p->end)
			return true;
	}
	return false;
}

/* Something of it is here, and counts. */
static bool is_here(const struct dispatch_order *o, const struct seen_file *f)
{
	struct byte_range again;

	for (size_t i = 0; i < f->here.len; i++) {
		const struct byte_range *r = &f->here.list[i];
		uint64_t from = r->from > o->from ? r->from : o->from;
		uint64_t end = r->end < o->end ? r->end : o->end;

		if (from < end && byte_ranges_missing(&f->refused, from, end, &again))
			return true;
	}
	return false;
}

/* Bytes are asked for a second time in a race only, or because they do not count. */
static void check_range(const struct dispatch_order *o, const struct seen_file *f)
{
	uint64_t size = f->of.file_size > f->size ? f->of.file_size : f->size;

	if (o->from >= o->end || (o->end != DISPATCH_TO_END && size && o->end > size))
		broken("bytes %" PRIu64 " to %" PRIu64 " of %" PRIu64 " are ordered",
		       o->from, o->end, size);
	if (!o->is_race && (is_under_way(o) || is_here(o, f)))
		broken("bytes %" PRIu64 " to %" PRIu64 " of node %u are ordered twice",
		       o->from, o->end, o->node);
}

/* Of two files that are under way, the second was begun as a race. */
static void check_race(const struct dispatch_order *o)
{
	for (size_t i = 0; o->fresh && !o->is_race && i < PARTS_MAX; i++) {
		const struct seen_part *p = &seen.parts[i];

		if (is_live(p) && p->node == o->node && p->file != o->file)
			broken("two files of node %u, and it is no race", o->node);
	}
}

static void note_race(const struct dispatch_order *o)
{
	for (size_t i = 0; i < PARTS_MAX; i++) {
		struct seen_part *p = &seen.parts[i];

		p->was_raced |= p->is_busy && p->node == o->node && p->file == o->file;
	}
}

static void start_part(const struct dispatch_order *o)
{
	struct seen_node *n = node_at(o->node);
	struct seen_offer *s = offer_of(n, o->cache);
	struct seen_file *f;

	if (seen.parts[o->part].is_busy)
		broken("part %u is started while it is under way", o->part);
	if (n->state != NODE_OPEN)
		broken("node %u is started after its verdict", o->node);
	check_offer(o, s);
	if (o->cut != DISPATCH_NONE)
		cut(o);
	if (seen.failure[0])
		return;
	if (o->fresh)
		begin_file(o, n, s);
	else
		check_file(o, n, s);
	f = file_of(n, o->file);
	if (!f)
		return;
	check_range(o, f);
	check_race(o);
	if (!o->fresh && !o->is_race) {
		byte_ranges_remove(&f->here, o->from, o->end);
		byte_ranges_remove(&f->refused, o->from, o->end);
	}
	if (o->is_race)
		note_race(o);
	seen.parts[o->part] = (struct seen_part){
		.is_busy = true,
		.was_raced = o->is_race,
		.node = o->node,
		.cache = o->cache,
		.file = o->file,
		.from = o->from,
		.at = o->from,
		.end = o->end,
	};
	check_slots(o);
}

static void give_up(uint32_t node)
{
	struct seen_node *n = node_at(node);

	if (!n->is_closed || n->state != NODE_OPEN)
		broken("node %u is given up before all offers are known", node);
	for (size_t i = 0; i < n->offer_count; i++)
		if (!n->offers[i].is_dead &&
		    seen.states[n->offers[i].told.cache] != DISPATCH_GONE)
			broken("node %u is given up, and cache %u has it", node,
			       n->offers[i].told.cache);
	for (size_t i = 0; i < PARTS_MAX; i++)
		if (is_live(&seen.parts[i]) && seen.parts[i].node == node)
			broken("node %u is given up, and under way", node);
	n->state = NODE_GIVEN_UP;
}

static void on_wait(const struct dispatch_order *o, int64_t now)
{
	if (o->due <= now)
		broken("the time to wait for is over");
	for (size_t i = 0; i < PARTS_MAX; i++)
		if (seen.parts[i].is_busy && seen.parts[i].is_stopped)
			broken("part %zu of node %u is too late and not cancelled", i,
			       seen.parts[i].node);
}

static void follow(const struct dispatch_order *o, int64_t now)
{
	seen.turn_orders = now == seen.turn ? seen.turn_orders + 1 : 0;
	seen.turn = now;
	if (seen.turn_orders > seen.node_count + ORDERS_PER_TURN)
		broken("there is no end of orders");
	if (o->act == DISPATCH_WAIT)
		on_wait(o, now);
	else if (o->act == DISPATCH_GIVE_UP)
		give_up(o->node);
	else if (o->part >= PARTS_MAX)
		broken("there is a part %u", o->part);
	else if (o->act == DISPATCH_START)
		start_part(o);
	else if (!seen.parts[o->part].is_busy)
		broken("part %u is cancelled, and not under way", o->part);
	else
		seen.parts[o->part].is_busy = false;
}

/* ---- events ---- */

/* Another part brings the same bytes: those that this one brought need not count. */
static bool is_raced(const struct seen_part *p)
{
	for (size_t i = 0; i < PARTS_MAX; i++) {
		const struct seen_part *other = &seen.parts[i];

		if (other != p && other->is_busy && other->node == p->node &&
		    other->file == p->file && other->from < p->end &&
		    p->from < other->end)
			return true;
	}
	return false;
}

static void end_part(uint32_t part, enum dispatch_end how, int64_t retry_at)
{
	struct seen_part *p = &seen.parts[part];
	struct seen_file *f = file_of_part(p);
	struct seen_offer *s = offer_of(node_at(p->node), p->cache);

	if (!p->is_busy)
		broken("part %u ends, and is not under way", part);
	if (f && (how == DISPATCH_REFUSED || (how == DISPATCH_BROKE && is_raced(p))))
		byte_ranges_add(&f->refused, p->from, p->at);
	if (s && (how == DISPATCH_REFUSED ||
		  (how == DISPATCH_BROKE && retry_at == DISPATCH_NEVER)))
		s->is_dead = true;
	p->is_busy = false;
	seen.last_file = p->file;
}

static void on_whole(uint32_t node)
{
	struct seen_node *n = node_at(node);
	const struct seen_file *f = file_of(n, seen.last_file);

	if (!f || !byte_ranges_are_whole(&f->here))
		broken("node %u is whole, and has holes", node);
	n->is_whole = true;
	n->whole = seen.last_file;
	stop_parts(node);
}

static void on_verified(uint32_t node)
{
	struct seen_node *n = node_at(node);

	if (n->state != NODE_OPEN)
		broken("node %u has two verdicts", node);
	n->state = NODE_VERIFIED;
	stop_parts(node);
}

static void on_spoilt(uint32_t node, uint32_t liar)
{
	struct seen_node *n = node_at(node);
	struct seen_offer *s = offer_of(n, liar);
	struct seen_file *f = file_of(n, n->whole);

	if (s)
		s->is_dead = true;
	else if (liar != DISPATCH_NONE)
		broken("cache %u is blamed, and does not have node %u", liar, node);
	if (n->is_whole && f)
		drop_file(n, f);
	n->is_whole = false;
}

static void add_offer(uint32_t node, const struct dispatch_offer *told)
{
	struct seen_node *n = node_at(node);
	struct seen_offer *s = offer_of(n, told->cache);

	if (!s && n->offer_count < OFFERS_MAX)
		s = &n->offers[n->offer_count++];
	else if (!s || !s->is_dead)
		return;
	*s = (struct seen_offer){ .told = *told };
}

static void forget_all(void)
{
	for (size_t i = 0; i < seen.node_count; i++) {
		while (seen.nodes[i].file_count)
			drop_file(&seen.nodes[i], seen.nodes[i].files);
		free(seen.nodes[i].files);
	}
	seen.node_count = 0;
	memset(seen.parts, 0, sizeof(seen.parts));
	memset(seen.states, 0, sizeof(seen.states));
}

/* ---- the functions of dispatch.h ---- */

#define WATCH(type, name, ...)                                                           \
	type __real_##name(__VA_ARGS__);                                                 \
	type __wrap_##name(__VA_ARGS__);                                                 \
	type __wrap_##name(__VA_ARGS__)

WATCH(struct dispatch *, dispatch_new, const struct dispatch_options *o)
{
	forget_all();
	seen.opts = *o;
	seen.left_waiting = 0;
	return __real_dispatch_new(o);
}

WATCH(void, dispatch_free, struct dispatch *d)
{
	seen.left_waiting = d ? dispatch_waiting(d) : 0;
	forget_all();
	__real_dispatch_free(d);
}

WATCH(void, dispatch_set_cache, struct dispatch *d, uint32_t cache,
      const struct dispatch_cache *facts)
{
	seen.is_local[cache] = facts->local;
	__real_dispatch_set_cache(d, cache, facts);
}

WATCH(void, dispatch_set_state, struct dispatch *d, uint32_t cache,
      enum dispatch_state state)
{
	seen.states[cache] = state;
	__real_dispatch_set_state(d, cache, state);
}

WATCH(void, dispatch_want, struct dispatch *d, uint32_t node, uint64_t nar_size)
{
	struct seen_node *n = node_at(node);

	n->is_closed = false;
	if (n->state == NODE_UNTOLD)
		n->state = NODE_OPEN;
	__real_dispatch_want(d, node, nar_size);
}

WATCH(void, dispatch_add_offer, struct dispatch *d, uint32_t node,
      const struct dispatch_offer *s)
{
	add_offer(node, s);
	__real_dispatch_add_offer(d, node, s);
}

WATCH(void, dispatch_closed, struct dispatch *d, uint32_t node)
{
	node_at(node)->is_closed = true;
	__real_dispatch_closed(d, node);
}

WATCH(void, dispatch_next, struct dispatch *d, int64_t now, struct dispatch_order *ret)
{
	__real_dispatch_next(d, now, ret);
	follow(ret, now);
}

WATCH(void, dispatch_present, struct dispatch *d, uint32_t part, uint64_t from,
      uint64_t end)
{
	struct seen_file *f = file_of_part(&seen.parts[part]);

	if (f)
		byte_ranges_add(&f->here, from, end);
	__real_dispatch_present(d, part, from, end);
}

WATCH(void, dispatch_part_range, const struct dispatch *d, uint32_t part,
      uint64_t *ret_from, uint64_t *ret_end)
{
	struct seen_part *p = &seen.parts[part];

	__real_dispatch_part_range(d, part, ret_from, ret_end);
	if (p->at == p->from)
		p->at = p->from = *ret_from;
	p->end = *ret_end;
}

WATCH(bool, dispatch_part_head, struct dispatch *d, uint32_t part, uint64_t size,
      bool ranges, int64_t now)
{
	struct seen_file *f = file_of_part(&seen.parts[part]);

	if (f && size != DISPATCH_TO_END && size > f->size)
		f->size = size;
	return __real_dispatch_part_head(d, part, size, ranges, now);
}

WATCH(void, dispatch_part_bytes, struct dispatch *d, uint32_t part, uint64_t n,
      int64_t now)
{
	struct seen_part *p = &seen.parts[part];
	struct seen_file *f = file_of_part(p);

	if (f)
		byte_ranges_add(&f->here, p->at, p->at + n);
	p->at += n;
	if (p->is_stopped)
		broken("part %u of node %u goes on after its file is whole", part,
		       p->node);
	if (seen.was_there && !p->was_raced)
		broken("part %u of node %u brings what is there", part, p->node);
	if (p->at > p->end)
		broken("part %u is at %" PRIu64 ", after its end", part, p->at);
	__real_dispatch_part_bytes(d, part, n, now);
}

WATCH(int, pool_partial_write, struct pool *p, struct pool_partial *pp, uint64_t offset,
      const void *bytes, size_t len, struct nf_err *err)
{
	const struct byte_ranges *ranges = &pp->state.ranges;

	seen.was_there = false;
	for (size_t i = 0; i < ranges->len; i++)
		seen.was_there |= ranges->list[i].from < offset + len &&
				  offset < ranges->list[i].end;
	return __real_pool_partial_write(p, pp, offset, bytes, len, err);
}

WATCH(void, dispatch_part_end, struct dispatch *d, uint32_t part, enum dispatch_end how,
      int64_t retry_at, int64_t now)
{
	end_part(part, how, retry_at);
	__real_dispatch_part_end(d, part, how, retry_at, now);
}

WATCH(bool, dispatch_is_whole, const struct dispatch *d, uint32_t node)
{
	bool is_whole = __real_dispatch_is_whole(d, node);

	if (is_whole)
		on_whole(node);
	return is_whole;
}

WATCH(void, dispatch_verified, struct dispatch *d, uint32_t node)
{
	on_verified(node);
	__real_dispatch_verified(d, node);
}

WATCH(uint32_t, dispatch_spoilt, struct dispatch *d, uint32_t node)
{
	uint32_t liar = __real_dispatch_spoilt(d, node);

	on_spoilt(node, liar);
	return liar;
}
