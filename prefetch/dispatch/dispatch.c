#include "dispatch/dispatch.h"

#include <stdlib.h>

#include "base/mem.h"
#include "dispatch/state.h"

struct dispatch *dispatch_new(const struct dispatch_options *o)
{
	struct dispatch *d = mem_calloc(1, sizeof(*d));

	d->opts = *o;
	d->free_offer = d->free_file = d->free_part = NONE;
	return d;
}

void dispatch_free(struct dispatch *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->file_count; i++)
		byte_ranges_release(&d->files[i].holes);
	free(d->nodes);
	free(d->offers);
	free(d->files);
	free(d->parts);
	free(d->caches);
	free(d->ready[0].ids);
	free(d->ready[1].ids);
	free(d->timers);
	free(d->cancelled.ids);
	free(d->doomed.ids);
	free(d);
}

/* ---- caches ---- */

static void make_caches(struct dispatch *d, size_t count)
{
	d->caches = mem_realloc(d->caches, count, sizeof(*d->caches));
	for (; d->cache_count < count; d->cache_count++) {
		struct supplier *c = &d->caches[d->cache_count];

		*c = (struct supplier){ .heap_at = NONE, .own_parts = OWN_PARTS_FIRST };
		for (unsigned bin = 0; bin <= BIN_LATER; bin++)
			c->bins[bin] = NONE;
	}
}

void dispatch_set_cache(struct dispatch *d, uint32_t cache,
			const struct dispatch_cache *facts)
{
	if (cache >= d->cache_count)
		make_caches(d, (size_t)cache + 1);
	d->caches[cache].facts = *facts;
	speed_init(&d->caches[cache]);
	offer_cache(d, cache);
}

void dispatch_set_state(struct dispatch *d, uint32_t cache, enum dispatch_state state)
{
	struct supplier *c = &d->caches[cache];

	if (c->state == state || c->state == DISPATCH_GONE)
		return;
	c->state = state;
	offer_cache(d, cache);
	if (state == DISPATCH_GONE)
		offer_gone(d, cache);
}

void dispatch_set_limit(struct dispatch *d, uint64_t rate)
{
	d->limit = rate;
}

/* ---- nodes ---- */

void dispatch_want(struct dispatch *d, uint32_t node, uint64_t nar_size)
{
	struct node *n = node_get(d, node);

	n->wanted = true;
	n->closed = false;
	n->is_doomed = false;
	n->nar_size = nar_size;
	offer_node(d, node);
}

void dispatch_add_offer(struct dispatch *d, uint32_t node, const struct dispatch_offer *s)
{
	struct node *n = node_get(d, node);
	uint32_t id;

	for (id = n->offers; id != NONE; id = d->offers[id].next)
		if (d->offers[id].cache == s->cache && !d->offers[id].is_out)
			return;
	id = d->free_offer;
	if (id != NONE) {
		d->free_offer = d->offers[id].next;
	} else {
		MEM_GROW(d->offers, d->offer_count, d->offer_cap);
		id = (uint32_t)d->offer_count++;
	}
	d->offers[id] = (struct offer){
		.file_size = s->file_size,
		.file_id = s->file_id,
		.node = node,
		.cache = s->cache,
		.next = n->offers,
		.bin = BIN_NOWHERE,
		.is_local = d->caches[s->cache].facts.local,
	};
	n->offers = id;
	offer_node(d, node);
}

void dispatch_closed(struct dispatch *d, uint32_t node)
{
	node_get(d, node)->closed = true;
	offer_node(d, node);
}

/* ---- orders ---- */

static bool order_cancel(struct dispatch *d, struct dispatch_order *ret)
{
	while (d->cancelled.len) {
		uint32_t part = d->cancelled.ids[--d->cancelled.len];
		const struct assignment *p = &d->parts[part];

		if (!p->is_cancelled)
			continue; /* its end has already been reported */
		ret->act = DISPATCH_CANCEL;
		ret->part = part;
		ret->node = p->node;
		ret->cache = p->cache;
		assignment_free(d, part);
		return true;
	}
	return false;
}

static bool order_give_up(struct dispatch *d, struct dispatch_order *ret)
{
	while (d->doomed.len) {
		uint32_t node = d->doomed.ids[--d->doomed.len];
		struct node *n = &d->nodes[node];

		if (!n->is_doomed)
			continue; /* it was requested again */
		n->is_doomed = n->wanted = false;
		while (n->files != NONE)
			file_drop(d, n->files);
		node_recount(d, n);
		ret->act = DISPATCH_GIVE_UP;
		ret->node = node;
		return true;
	}
	return false;
}

/* The offer's file; a new one if the offer cannot continue what is present. */
static uint32_t file_to_start(struct dispatch *d, uint32_t offer, bool *ret_fresh)
{
	const struct offer *s = &d->offers[offer];
	struct node *n = &d->nodes[s->node];
	uint32_t file = node_file(d, n, offer);

	*ret_fresh = file == NONE || s->no_range ||
		     (n->solo && d->files[file].brought_by != s->cache);
	if (!*ret_fresh)
		return file;
	while (n->files != NONE)
		file_drop(d, n->files);
	return file_new(d, s->node, offer);
}

static bool order_start(struct dispatch *d, unsigned where, struct dispatch_order *ret)
{
	uint32_t offer = choice_best(d, where), file;
	struct byte_range range;

	if (offer == NONE)
		return false;
	ret->act = DISPATCH_START;
	ret->node = d->offers[offer].node;
	ret->cache = d->offers[offer].cache;
	file = file_to_start(d, offer, &ret->fresh);
	ret->file = d->files[file].number;
	range = byte_ranges_take_first(&d->files[file].holes);
	ret->from = range.from;
	ret->end = range.end;
	ret->part = assignment_new(d, offer, file, range);
	offer_node(d, ret->node);
	offer_cache(d, ret->cache);
	return true;
}

static void order_race(struct dispatch *d, const struct steal *s,
		       struct dispatch_order *ret)
{
	struct assignment *p = &d->parts[s->part];
	struct byte_range range = { s->from, p->end };
	uint32_t file = p->file;

	ret->is_race = true;
	if (s->is_other_file) {
		file = file_new(d, p->node, s->offer);
		range = byte_ranges_take_first(&d->files[file].holes);
		ret->fresh = true;
	}
	ret->part = assignment_new(d, s->offer, file, range);
	if (s->is_other_file)
		return;
	d->parts[ret->part].twin = s->part;
	d->parts[s->part].twin = ret->part;
}

static void order_cut(struct dispatch *d, const struct steal *s,
		      struct dispatch_order *ret)
{
	struct assignment *p = &d->parts[s->part];
	struct byte_range range = { s->from, p->end };

	p->end = s->from;
	speed_part_resized(d, p);
	ret->cut = s->part;
	ret->part = assignment_new(d, s->offer, p->file, range);
	if (d->offers[s->offer].cache == d->parts[s->part].cache)
		speed_own_cut(d, &d->caches[d->offers[s->offer].cache]);
}

/* Nothing can be started: the missing bytes of a part in progress, or half of them, may
 * arrive sooner from elsewhere. */
static bool order_steal(struct dispatch *d, struct dispatch_order *ret)
{
	const struct assignment *p;
	struct steal s;

	if (!steal_find(d, &s))
		return false;
	ret->act = DISPATCH_START;
	ret->node = d->offers[s.offer].node;
	ret->cache = d->offers[s.offer].cache;
	if (s.is_race)
		order_race(d, &s, ret);
	else
		order_cut(d, &s, ret);
	p = &d->parts[ret->part];
	ret->file = d->files[p->file].number;
	ret->from = p->from;
	ret->end = p->end;
	offer_node(d, ret->node);
	offer_cache(d, ret->cache);
	return true;
}

/* A running part may become slow without any event. */
static int64_t next_look(const struct dispatch *d)
{
	int64_t due = offer_next_due(d), look = d->now + METER_WINDOW_MS;

	if (d->active[0] == 0)
		return due;
	return look < due ? look : due;
}

void dispatch_next(struct dispatch *d, int64_t now, struct dispatch_order *ret)
{
	*ret = (struct dispatch_order){
		.act = DISPATCH_WAIT,
		.part = NONE,
		.node = NONE,
		.cache = NONE,
		.cut = NONE,
		.due = DISPATCH_NEVER,
	};
	d->now = now;
	offer_due(d);
	speed_look_ahead(d);
	if (order_cancel(d, ret) || order_give_up(d, ret) || order_start(d, 1, ret) ||
	    order_start(d, 0, ret) || order_steal(d, ret))
		return;
	ret->due = next_look(d);
}

/* ---- events ---- */

void dispatch_present(struct dispatch *d, uint32_t part, uint64_t from, uint64_t end)
{
	struct assignment *p = &d->parts[part];
	struct file *f = &d->files[p->file];
	struct byte_range first;

	if (p->is_cancelled || from >= end)
		return;
	/* So either the reported size or what is present is wrong. */
	if (f->size && end > f->size && !f->is_measured)
		resize_file(d, p->file, part, 0);
	byte_ranges_add(&f->holes, p->at, p->end);
	byte_ranges_remove(&f->holes, from, end);
	f->brought_by_several = true;
	first = f->holes.len ? byte_ranges_take_first(&f->holes)
			     : (struct byte_range){ p->end, p->end };
	p->from = p->at = first.from;
	p->end = first.end;
	speed_part_resized(d, p);
	offer_node(d, p->node);
}

void dispatch_part_range(const struct dispatch *d, uint32_t part, uint64_t *ret_from,
			 uint64_t *ret_end)
{
	*ret_from = d->parts[part].from;
	*ret_end = d->parts[part].end;
}

/* A size in a narinfo is a hint; the first response that reports one counts. */
static bool measure(struct dispatch *d, uint32_t part, uint64_t size)
{
	struct file *f = &d->files[d->parts[part].file];

	if (size == DISPATCH_TO_END)
		return f->is_measured || !f->size ||
		       resize_file(d, d->parts[part].file, part, 0);
	if (!size)
		return true;
	if (f->size != size && (f->is_measured || size < d->parts[part].at ||
				!resize_file(d, d->parts[part].file, part, size)))
		return false;
	f->is_measured = true;
	return true;
}

bool dispatch_part_head(struct dispatch *d, uint32_t part, uint64_t size, bool ranges,
			int64_t now)
{
	struct assignment *p = &d->parts[part];

	d->now = now;
	if (p->is_cancelled)
		return true;
	d->offers[p->offer].has_ranges = ranges;
	if (!measure(d, part, size))
		return false;
	speed_part_flows(d, p);
	return true;
}

uint64_t dispatch_part_size(const struct dispatch *d, uint32_t part)
{
	return d->files[d->parts[part].file].size;
}

void dispatch_part_bytes(struct dispatch *d, uint32_t part, uint64_t n, int64_t now)
{
	struct assignment *p = &d->parts[part];

	d->now = now;
	if (p->is_cancelled)
		return;
	p->at += n;
	speed_part_bytes(d, p, n);
	file_brought_by(&d->files[p->file], p->cache);
}

static void cancel_parts(struct dispatch *d, uint32_t node)
{
	for (uint32_t i = 0; d->nodes[node].parts && i < d->part_count; i++)
		if (d->parts[i].is_active && !d->parts[i].is_cancelled &&
		    d->parts[i].node == node)
			assignment_cancel(d, i);
}

static void become_whole(struct dispatch *d, uint32_t node, uint32_t file)
{
	struct node *n = &d->nodes[node];

	n->whole = true;
	cancel_parts(d, node);
	for (uint32_t f = n->files, next; f != NONE; f = next) {
		next = d->files[f].next;
		if (f != file)
			file_drop(d, f);
	}
}

static bool has_all(const struct file *f)
{
	return f->parts == 0 && f->holes.len == 0;
}

static void on_came(struct dispatch *d, const struct assignment *p)
{
	struct file *f = &d->files[p->file];

	file_brought_by(f, p->cache);
	if (has_all(f))
		become_whole(d, p->node, p->file);
}

static uint64_t missing_from(const struct assignment *p, enum dispatch_end how)
{
	if (how == DISPATCH_REFUSED)
		return p->from;
	return p->raced_to > p->at ? p->raced_to : p->at;
}

/* No response reported the size, and the body ended where the narinfo says that the file
 * ends. The assembled file is verified anyway. */
static bool ended_as_told(const struct dispatch *d, const struct assignment *p,
			  enum dispatch_end how)
{
	uint64_t told = d->offers[p->offer].file_size;

	return how == DISPATCH_BROKE && p->end == DISPATCH_TO_END && told &&
	       p->at == told;
}

/* What the part did not bring is missing again, unless a race brings it. */
static void on_missing(struct dispatch *d, const struct assignment *p,
		       enum dispatch_end how)
{
	struct node *n = &d->nodes[p->node];
	struct file *f = &d->files[p->file];
	const struct offer *s = &d->offers[p->offer];

	if (p->twin == NONE && !ended_as_told(d, p, how))
		byte_ranges_add(&f->holes, missing_from(p, how), p->end);
	if (has_all(f)) {
		become_whole(d, p->node, p->file);
		return;
	}
	if (f->offer == p->offer && s->no_range && f->parts)
		for (uint32_t i = 0; i < d->part_count; i++)
			if (d->parts[i].is_active && !d->parts[i].is_cancelled &&
			    d->parts[i].file == p->file)
				f->offer = d->parts[i].offer;
	if (f->parts == 0 && (n->parts || s->no_range))
		file_drop(d, p->file);
}

/* What one of two racing parts brought before it broke off is present. */
static void leave_to_twin(struct dispatch *d, const struct assignment *p)
{
	uint64_t to = p->at > p->raced_to ? p->at : p->raced_to;

	if (p->twin != NONE && d->parts[p->twin].raced_to < to)
		d->parts[p->twin].raced_to = to;
}

static bool has_gained(const struct dispatch *d, const struct assignment *p)
{
	const struct offer *s = &d->offers[p->offer];
	uint64_t size = d->files[p->file].size;

	if (!size)
		size = d->nodes[p->node].nar_size;
	return p->at - p->from >= DISPATCH_GAIN && !s->no_range &&
	       s->gains <= 2 * (size / DISPATCH_GAIN);
}

static void note_end(struct dispatch *d, const struct assignment *p,
		     enum dispatch_end how, int64_t retry_at)
{
	struct offer *s = &d->offers[p->offer];

	s->is_out |= how == DISPATCH_REFUSED ||
		     (how == DISPATCH_BROKE && retry_at == DISPATCH_NEVER);
	s->no_range |= how == DISPATCH_NO_RANGE;
	if (how != DISPATCH_BROKE)
		return;
	s->retry_at = retry_at;
	if (has_gained(d, p)) {
		s->attempts = 0;
		s->gains += (uint32_t)((p->at - p->from) / DISPATCH_GAIN);
	}
	s->attempts += s->attempts < UINT8_MAX;
}

void dispatch_part_end(struct dispatch *d, uint32_t part, enum dispatch_end how,
		       int64_t retry_at, int64_t now)
{
	struct assignment p = d->parts[part];

	d->now = now;
	if (!p.is_cancelled) {
		if (how == DISPATCH_CAME && p.twin != NONE)
			assignment_cancel(d, p.twin);
		if (how == DISPATCH_BROKE)
			leave_to_twin(d, &p);
		assignment_stop(d, &d->parts[part]);
		note_end(d, &p, how, retry_at);
	}
	assignment_free(d, part);
	if (!p.is_cancelled && how == DISPATCH_CAME)
		on_came(d, &p);
	else if (!p.is_cancelled)
		on_missing(d, &p, how);
	offer_node(d, p.node);
}

unsigned dispatch_part_attempts(const struct dispatch *d, uint32_t part)
{
	const struct assignment *p = &d->parts[part];

	return has_gained(d, p) ? 0 : d->offers[p->offer].attempts;
}

bool dispatch_is_whole(const struct dispatch *d, uint32_t node)
{
	return node < d->node_count && d->nodes[node].whole;
}

/* ---- the verdict ---- */

static void forget(struct dispatch *d, uint32_t node)
{
	struct node *n = &d->nodes[node];

	while (n->files != NONE)
		file_drop(d, n->files);
	for (uint32_t id = n->offers, next; id != NONE; id = next) {
		next = d->offers[id].next;
		d->offers[id] = (struct offer){ .node = NONE, .next = d->free_offer };
		d->free_offer = id;
	}
	*n = (struct node){ .offers = NONE, .files = NONE };
}

/* A part that was considered too late may be on time if earlier ones were not; then its
 * bytes have been requested again. */
void dispatch_verified(struct dispatch *d, uint32_t node)
{
	offer_take_away(d, node);
	cancel_parts(d, node);
	d->nodes[node].wanted = false;
	node_recount(d, &d->nodes[node]);
	forget(d, node);
}

uint32_t dispatch_spoilt(struct dispatch *d, uint32_t node)
{
	struct node *n = &d->nodes[node];
	const struct file *f = &d->files[n->files];
	uint32_t liar = f->brought_by_several ? NONE : f->brought_by;

	if (liar == NONE)
		n->solo = true;
	for (uint32_t s = n->offers; s != NONE; s = d->offers[s].next)
		if (d->offers[s].cache == liar)
			d->offers[s].is_out = true;
	while (n->files != NONE)
		file_drop(d, n->files);
	n->whole = false;
	offer_node(d, node);
	return liar;
}

size_t dispatch_waiting(const struct dispatch *d)
{
	return d->waiting;
}
