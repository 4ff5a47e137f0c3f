/* Caches that have nothing left to start help slow parts: a part is cut, and another
 * cache, or another connection, fetches what lies after the cut. If it cannot be cut,
 * another cache races it. */
#include "dispatch/state.h"

/* A part that ends sooner is left alone. */
#define CUT_MS	   300
#define OWN_CUT_MS 1000
#define RACE_MS	   500
/* How long to wait for a response before requesting the bytes elsewhere. */
#define ANSWER_MS 1000
/* A limit for all transfers is reached if less than this fraction of it is free. */
#define SPARE_SHARE 8
/* A cut costs a request, often a connection, and the bytes already on their way: it must
 * save at least this time, and this many latencies; */
#define CUT_GAIN_MS	   100
#define CUT_GAIN_LATENCIES 4
/* and this fraction of the time, if the other cache is not idle: speeds, and so the order
 * of finishing, are not known precisely. */
#define CUT_GAIN_SHARE 8
/* A race costs bytes: it must be won clearly. */
#define RACE_GAIN 2

/* More connections made it faster: assume that one more adds its own rate. */
static bool is_slow_by_connection(const struct supplier *c)
{
	return c->active && c->own_parts > OWN_PARTS_FIRST;
}

/* What a limit for all transfers leaves to one more part. */
static uint64_t spare_rate(const struct dispatch *d)
{
	uint64_t used = 0;

	if (d->limit == 0)
		return UINT64_MAX;
	for (size_t i = 0; i < d->part_count; i++)
		if (d->parts[i].is_active)
			used += speed_of_part(d, &d->parts[i]);
	return used < d->limit - d->limit / SPARE_SHARE ? d->limit - used : 0;
}

/* A part that does not flow yet will get its share. */
static uint64_t expected_rate(const struct dispatch *d, const struct assignment *p)
{
	const struct supplier *c = &d->caches[p->cache];

	return p->is_flowing ? speed_of_part(d, p) : speed_of_cache(d, c) / c->active;
}

/* How fast the cache would bring what it takes; unless that is the rate of one
 * connection, it comes after what the cache has already been asked for. */
static uint64_t thief_rate(const struct dispatch *d, const struct assignment *p,
			   const struct supplier *c)
{
	uint64_t spare = spare_rate(d), rate = speed_of_cache(d, c);

	if (c == &d->caches[p->cache])
		rate = speed_of_part(d, p);
	else if (is_slow_by_connection(c))
		rate /= c->active;
	return rate < spare ? rate : spare;
}

static uint64_t thief_backlog(const struct dispatch *d, const struct assignment *p,
			      const struct supplier *c)
{
	return c == &d->caches[p->cache] || is_slow_by_connection(c) ? 0 : c->backlog;
}

static bool can_cut(const struct dispatch *d, const struct assignment *p,
		    const struct offer *s)
{
	const struct node *n = &d->nodes[p->node];

	/* Bytes that a race brought behind the part's position must not be left to the
	 * part. */
	return d->offers[p->offer].has_ranges && p->end != DISPATCH_TO_END && !n->solo &&
	       p->raced_to <= p->at && node_same_file(s, &d->offers[p->offer]) &&
	       p->left >= 2 * d->opts.part_min;
}

/* Another connection to the same cache helps only if the link is not the bottleneck; and
 * what is on its way on the cut connection is lost. */
static bool is_worth_a_cut(const struct dispatch *d, const struct assignment *p,
			   const struct offer *s, int64_t own_ms)
{
	const struct supplier *c = &d->caches[s->cache];

	if (s->cache != p->cache)
		return own_ms > CUT_MS;
	return own_ms > OWN_CUT_MS && c->is_measured && c->active < c->own_parts;
}

/* Bytes, and their rate. */
struct work {
	uint64_t bytes, rate;
};

/* The work that a cut reduces: the part; but between two busy caches, everything that the
 * part's cache was asked for. Otherwise two caches that are slow themselves, not their
 * connections, would take parts from each other forever. */
static struct work work_of_owner(const struct dispatch *d, const struct assignment *p,
				 const struct supplier *thief)
{
	const struct supplier *owner = &d->caches[p->cache];

	if (thief_backlog(d, p, thief))
		return (struct work){ owner->backlog, speed_of_cache(d, owner) };
	return (struct work){ p->left, expected_rate(d, p) };
}

/* What the other cache would bring before what it takes; includes its latency. */
static struct work work_of_thief(const struct dispatch *d, const struct assignment *p,
				 const struct supplier *c)
{
	uint64_t rate = thief_rate(d, p, c);
	uint64_t late = rate * (uint64_t)c->latency_ms / 1000;

	return (struct work){ late + thief_backlog(d, p, c), rate };
}

static int64_t least_gain(const struct supplier *c, int64_t own_ms)
{
	int64_t least = CUT_GAIN_LATENCIES * c->latency_ms;

	if (least < CUT_GAIN_MS)
		least = CUT_GAIN_MS;
	return c->active && least < own_ms / CUT_GAIN_SHARE ? own_ms / CUT_GAIN_SHARE
							    : least;
}

/* Both end at the same time: computes where to cut, and when that is; SPEED_NEVER if it
 * does not pay. */
static int64_t try_cut(const struct dispatch *d, const struct assignment *p,
		       const struct supplier *c, uint64_t *ret_from)
{
	struct work own = work_of_owner(d, p, c), other = work_of_thief(d, p, c);
	double both_s =
		(double)(own.bytes + other.bytes) / (double)(own.rate + other.rate + 1);
	double keep = (double)expected_rate(d, p) * both_s;
	double surplus = (double)own.bytes - (double)own.rate * both_s;
	int64_t own_ms = speed_ms(own.bytes, own.rate), gain;

	if (keep < (double)p->left - surplus)
		keep = (double)p->left - surplus;
	if (keep < (double)d->opts.part_min)
		keep = (double)d->opts.part_min;
	*ret_from = p->at + (uint64_t)keep;
	if (*ret_from + d->opts.part_min > p->end)
		return SPEED_NEVER;
	gain = speed_ms(p->end - *ret_from, own.rate);
	return gain > least_gain(c, own_ms) && own_ms < SPEED_NEVER ? own_ms - gain
								    : SPEED_NEVER;
}

/* Then a cut is as good as a race, and brings nothing twice. */
static bool is_only_slow(const struct dispatch *d, const struct assignment *p,
			 const struct offer *s)
{
	return p->is_flowing && can_cut(d, p, s) &&
	       speed_ms(d->opts.part_min, expected_rate(d, p)) < RACE_MS;
}

static int64_t try_race(const struct dispatch *d, const struct assignment *p,
			uint32_t offer, struct steal *s)
{
	const struct offer *other = &d->offers[offer];
	const struct node *n = &d->nodes[p->node];
	const struct supplier *c = &d->caches[other->cache];
	uint64_t bytes = p->left;

	s->from = p->at > p->raced_to ? p->at : p->raced_to;
	if (other->cache == p->cache || s->from >= p->end || is_only_slow(d, p, other) ||
	    (!p->is_flowing && d->now - p->started < ANSWER_MS))
		return SPEED_NEVER;
	s->is_race = true;
	s->is_other_file = n->solo || !node_same_file(other, &d->offers[p->offer]);
	if (s->is_other_file) {
		/* All of it, in addition to the only part of the only file; on this
		 * machine that has no cost. */
		if ((n->parts > 1 && !c->facts.local) || n->solo ||
		    d->files[n->files].next != NONE)
			return SPEED_NEVER;
		bytes = other->file_size ? other->file_size : n->nar_size;
	}
	return c->latency_ms +
	       speed_ms(bytes + thief_backlog(d, p, c), thief_rate(d, p, c));
}

static bool may_help(const struct dispatch *d, const struct offer *s)
{
	const struct supplier *c = &d->caches[s->cache];

	unsigned slots = c->facts.local ? d->opts.local_slots : d->opts.slots;

	return offer_is_alive(d, s) && s->retry_at <= d->now &&
	       c->state == DISPATCH_USABLE && d->active[c->facts.local] < slots &&
	       offer_has_room(d, c) && !bins_have_any(c);
}

/* How the offer would help the part whose own end is OWN_MS away, and when all of it
 * would have arrived; SPEED_NEVER: not notably sooner. */
static int64_t try_offer(const struct dispatch *d, const struct assignment *p,
			 int64_t own_ms, uint32_t offer, struct steal *way)
{
	const struct offer *s = &d->offers[offer];
	struct steal cut = *way, race = *way;
	int64_t best = own_ms, ms;

	if (!may_help(d, s))
		return SPEED_NEVER;
	if (is_worth_a_cut(d, p, s, own_ms) && can_cut(d, p, s)) {
		ms = try_cut(d, p, &d->caches[s->cache], &cut.from);
		if (ms < own_ms) {
			best = ms;
			*way = cut;
		}
	}
	if (best > RACE_MS) {
		ms = try_race(d, p, offer, &race);
		if (ms < best / RACE_GAIN) {
			best = ms;
			*way = race;
		}
	}
	return best < own_ms ? best : SPEED_NEVER;
}

/* The way in which the part's bytes arrive soonest; false if none is worth it. */
static bool best_help(const struct dispatch *d, uint32_t part, int64_t own_ms,
		      struct steal *ret)
{
	const struct assignment *p = &d->parts[part];
	int64_t best_ms = SPEED_NEVER;

	for (uint32_t id = d->nodes[p->node].offers; id != NONE;
	     id = d->offers[id].next) {
		struct steal way = { .part = part, .offer = id };
		int64_t ms = try_offer(d, p, own_ms, id, &way);

		if (ms < best_ms) {
			best_ms = ms;
			*ret = way;
		}
	}
	return best_ms != SPEED_NEVER;
}

bool steal_find(struct dispatch *d, struct steal *ret)
{
	int64_t longest = 0;
	bool found = false;

	/* A cut loses the bytes on their way beyond it: those arrive twice, too. */
	if (d->opts.no_race)
		return false;
	for (uint32_t i = 0; i < d->part_count; i++) {
		const struct assignment *p = &d->parts[i];
		int64_t ms;

		if (!p->is_active || p->is_cancelled || p->twin != NONE ||
		    d->caches[p->cache].facts.local || d->nodes[p->node].whole)
			continue;
		ms = speed_part_ms(d, p);
		if (ms > longest && best_help(d, i, ms, ret)) {
			longest = ms;
			found = true;
		}
	}
	return found;
}
