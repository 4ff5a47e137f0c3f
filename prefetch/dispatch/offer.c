#include "base/mem.h"
#include "dispatch/state.h"

/* ---- caches that are ready: a heap ---- */

static bool comes_first(const struct dispatch *d, uint32_t a, uint32_t b)
{
	return rank_comes_first(d, &d->caches[a], &d->caches[b]);
}

static void ready_set(struct dispatch *d, struct ready *r, size_t at, uint32_t id)
{
	r->ids[at] = id;
	d->caches[id].heap_at = (uint32_t)at;
}

static void ready_sift(struct dispatch *d, struct ready *r, size_t at)
{
	uint32_t id = r->ids[at];
	size_t child;

	while (at && comes_first(d, id, r->ids[(at - 1) / 2])) {
		ready_set(d, r, at, r->ids[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	while ((child = 2 * at + 1) < r->len) {
		if (child + 1 < r->len &&
		    comes_first(d, r->ids[child + 1], r->ids[child]))
			child++;
		if (!comes_first(d, r->ids[child], id))
			break;
		ready_set(d, r, at, r->ids[child]);
		at = child;
	}
	ready_set(d, r, at, id);
}

static void ready_remove(struct dispatch *d, struct ready *r, uint32_t cache)
{
	size_t at = d->caches[cache].heap_at;
	uint32_t last = r->ids[--r->len];

	d->caches[cache].heap_at = NONE;
	if (last == cache)
		return;
	r->ids[at] = last;
	ready_sift(d, r, at);
}

bool offer_has_room(const struct dispatch *d, const struct supplier *c)
{
	return c->active <
	       (c->facts.local ? d->opts.local_slots : d->opts.slots_per_cache);
}

bool offer_is_ready(const struct dispatch *d, const struct supplier *c)
{
	if (c->state == DISPATCH_TRIAL && c->active)
		return false;
	return (c->state == DISPATCH_USABLE || c->state == DISPATCH_TRIAL) &&
	       bins_have_any(c) && offer_has_room(d, c);
}

void offer_cache(struct dispatch *d, uint32_t cache)
{
	struct supplier *c = &d->caches[cache];
	struct ready *r = &d->ready[c->facts.local];

	speed_recount(d, c);
	if (!offer_is_ready(d, c) || (c->active && !c->facts.local)) {
		if (c->heap_at != NONE)
			ready_remove(d, r, cache);
		return;
	}
	if (c->heap_at == NONE) {
		MEM_GROW(r->ids, r->len, r->cap);
		r->ids[r->len] = cache;
		c->heap_at = (uint32_t)r->len++;
	}
	ready_sift(d, r, c->heap_at);
}

/* ---- offers that are not due yet ---- */

static void timer_add(struct dispatch *d, int64_t at, uint32_t offer)
{
	size_t i = d->timer_len;

	MEM_GROW(d->timers, d->timer_len, d->timer_cap);
	d->timer_len++;
	while (i && d->timers[(i - 1) / 2].at > at) {
		d->timers[i] = d->timers[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	d->timers[i] = (struct timer){ at, offer };
}

static struct timer timer_take(struct dispatch *d)
{
	struct timer top = d->timers[0], last = d->timers[--d->timer_len];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < d->timer_len) {
		if (child + 1 < d->timer_len &&
		    d->timers[child + 1].at < d->timers[child].at)
			child++;
		if (d->timers[child].at >= last.at)
			break;
		d->timers[at] = d->timers[child];
		at = child;
	}
	d->timers[at] = last;
	return top;
}

void offer_due(struct dispatch *d)
{
	while (d->timer_len && d->timers[0].at <= d->now) {
		struct timer t = timer_take(d);
		struct offer *s = &d->offers[t.offer];

		if (s->node != NONE && s->bin == BIN_LATER && s->retry_at == t.at)
			offer_node(d, s->node);
	}
}

int64_t offer_next_due(const struct dispatch *d)
{
	return d->timer_len ? d->timers[0].at : DISPATCH_NEVER;
}

/* ---- nodes ---- */

void offer_take_away(struct dispatch *d, uint32_t node)
{
	d->offered -= d->nodes[node].offered;
	d->nodes[node].offered = 0;
	for (uint32_t s = d->nodes[node].offers; s != NONE; s = d->offers[s].next) {
		if (d->offers[s].bin == BIN_NOWHERE)
			continue;
		bins_take(d, s);
		offer_cache(d, d->offers[s].cache);
	}
}

bool offer_is_alive(const struct dispatch *d, const struct offer *s)
{
	return !s->is_out && d->caches[s->cache].state != DISPATCH_GONE;
}

/* Whether the offer could bring what is missing of the node, in addition to what is in
 * progress. */
static bool is_of_use(const struct dispatch *d, const struct node *n, uint32_t offer)
{
	uint32_t file = n->files;

	if (n->parts == 0)
		return true;
	/* A second file is a race, which is not ordered here. */
	return !n->solo && d->files[file].next == NONE && d->files[file].holes.len &&
	       node_file(d, n, offer) == file && !d->offers[offer].no_range;
}

struct candidates {
	unsigned alive, count;
	int local, network; /* the best priorities; INT32_MAX if there is none */
	uint64_t size;	    /* the smallest amount that is missing */
};

static void look_at(struct dispatch *d, const struct node *n, struct candidates *c)
{
	*c = (struct candidates){
		.local = INT32_MAX,
		.network = INT32_MAX,
		.size = UINT64_MAX,
	};
	for (uint32_t id = n->offers; id != NONE; id = d->offers[id].next) {
		const struct offer *s = &d->offers[id];
		const struct dispatch_cache *facts = &d->caches[s->cache].facts;
		int *best = facts->local ? &c->local : &c->network;
		uint64_t size;

		if (!offer_is_alive(d, s))
			continue;
		c->alive++;
		if (s->retry_at > d->now || !is_of_use(d, n, id))
			continue;
		c->count++;
		size = node_missing(d, id);
		if (size < c->size)
			c->size = size;
		if (facts->priority < *best)
			*best = facts->priority;
	}
}

static void offer_at(struct dispatch *d, const struct node *n, uint32_t offer,
		     const struct candidates *c)
{
	struct offer *s = &d->offers[offer];
	bool prefer_local = c->local <= c->network && c->local != INT32_MAX;

	if (!offer_is_alive(d, s))
		return;
	if (s->retry_at > d->now) {
		bins_put(d, offer, BIN_LATER);
		timer_add(d, s->retry_at, offer);
		return;
	}
	if (!is_of_use(d, n, offer) || (prefer_local && !d->caches[s->cache].facts.local))
		return;
	bins_put(d, offer, bins_of(node_missing(d, offer)) + (c->count == 1) * BIN_COUNT);
	offer_cache(d, s->cache);
}

void offer_node(struct dispatch *d, uint32_t node)
{
	struct node *n = &d->nodes[node];
	struct candidates c;

	offer_take_away(d, node);
	node_recount(d, n);
	if (!n->wanted || n->whole)
		return;
	look_at(d, n, &c);
	if (c.count) {
		n->offered = c.size;
		d->offered += n->offered;
	}
	for (uint32_t s = n->offers; s != NONE; s = d->offers[s].next)
		offer_at(d, n, s, &c);
	if (c.alive || n->parts || !n->closed || n->is_doomed)
		return;
	n->is_doomed = true;
	MEM_GROW(d->doomed.ids, d->doomed.len, d->doomed.cap);
	d->doomed.ids[d->doomed.len++] = node;
}

void offer_gone(struct dispatch *d, uint32_t cache)
{
	for (unsigned bin = 0; bin <= BIN_LATER; bin++)
		while (d->caches[cache].bins[bin] != NONE)
			offer_node(d, d->offers[d->caches[cache].bins[bin]].node);
}
