/* Caches that have nothing left to start help slow parts: a part is cut, and another
 * cache, or another connection, brings what lies behind the cut; or, where it cannot be
 * cut, another cache races it. */
#include "net/dispatch_state.h"

/* What is through sooner is left alone. */
#define CUT_MS	   300
#define OWN_CUT_MS 1000
#define RACE_MS	   500
/* An answer may be waited for so long, before it is asked for elsewhere. */
#define ANSWER_MS 1000
/* A limit for all is reached when less than this part of it is free. */
#define SPARE_SHARE 8
/* A cut must save this part of the time. A race costs bytes: it must be won clearly. */
#define CUT_GAIN_SHARE 8
#define RACE_GAIN      2

/* What a limit for all leaves to one more part. */
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

/* A part that does not flow yet will have its share. */
static uint64_t expected_rate(const struct dispatch *d, const struct part *p)
{
	const struct cache *c = &d->caches[p->cache];

	return p->is_flowing ? speed_of_part(d, p) : speed_of_cache(d, c) / c->active;
}

/* How fast the cache would be with one more part. */
static uint64_t thief_rate(const struct dispatch *d, const struct part *p,
			   const struct cache *c)
{
	uint64_t rate = c == &d->caches[p->cache]
				? speed_of_part(d, p)
				: speed_of_cache(d, c) / (c->active + 1);
	uint64_t spare = spare_rate(d);

	return rate < spare ? rate : spare;
}

static bool can_cut(const struct dispatch *d, const struct part *p,
		    const struct source *s)
{
	const struct node *n = &d->nodes[p->node];

	return d->sources[p->source].has_ranges && p->end != DISPATCH_TO_END &&
	       !n->solo && node_same_file(s, &d->sources[p->source]) &&
	       p->left >= 2 * d->opts.part_min;
}

/* Another connection to the same cache helps only if it is not the link that is slow, and
 * what is on its way on the one that is cut is lost. */
static bool is_worth_a_cut(const struct dispatch *d, const struct part *p,
			   const struct source *s, int64_t own_ms)
{
	const struct cache *c = &d->caches[s->cache];

	if (s->cache != p->cache)
		return own_ms > CUT_MS;
	return own_ms > OWN_CUT_MS && c->is_measured && c->active < c->own_parts;
}

/* Both parts end together: where, and how long that takes. */
static int64_t try_cut(const struct dispatch *d, const struct part *p,
		       const struct cache *c, uint64_t *ret_from)
{
	uint64_t own = expected_rate(d, p), other = thief_rate(d, p, c);
	uint64_t late = other * (uint64_t)c->latency_ms / 1000;
	double share = (double)own / (double)(own + other + 1);
	uint64_t keep = (uint64_t)((double)(p->left + late) * share);
	uint64_t most = p->left - d->opts.part_min;

	if (keep < d->opts.part_min)
		keep = d->opts.part_min;
	if (keep > most)
		keep = most;
	*ret_from = p->at + keep > p->raced_to ? p->at + keep : p->raced_to;
	return *ret_from < p->end ? speed_ms(*ret_from - p->at, own) : SPEED_NEVER;
}

static int64_t try_race(const struct dispatch *d, const struct part *p, uint32_t source,
			struct steal *s)
{
	const struct source *other = &d->sources[source];
	const struct node *n = &d->nodes[p->node];
	const struct cache *c = &d->caches[other->cache];
	uint64_t bytes = p->left;

	s->from = p->at > p->raced_to ? p->at : p->raced_to;
	if (other->cache == p->cache || s->from >= p->end ||
	    (!p->is_flowing && d->now - p->started < ANSWER_MS))
		return SPEED_NEVER;
	s->is_race = true;
	s->is_other_file = n->solo || !node_same_file(other, &d->sources[p->source]);
	if (s->is_other_file) {
		/* All of it, beside what is the only part of the only file; on this
		 * machine that costs nobody anything. */
		if ((n->parts > 1 && !c->facts.local) || n->solo ||
		    d->files[n->files].next != NONE)
			return SPEED_NEVER;
		bytes = other->file_size ? other->file_size : n->nar_size;
	}
	return c->latency_ms + speed_ms(bytes, thief_rate(d, p, c));
}

static bool may_help(const struct dispatch *d, const struct source *s)
{
	const struct cache *c = &d->caches[s->cache];

	unsigned slots = c->facts.local ? d->opts.local_slots : d->opts.slots;

	return offer_is_alive(d, s) && s->retry_at <= d->now &&
	       c->state == DISPATCH_USABLE && d->active[c->facts.local] < slots &&
	       offer_has_room(d, c) && !offer_has_any(c);
}

/* How the source would help the part whose own end is OWN_MS away, and until when all of
 * it would have come; SPEED_NEVER: not notably sooner. */
static int64_t try_source(const struct dispatch *d, const struct part *p, int64_t own_ms,
			  uint32_t source, struct steal *way)
{
	const struct source *s = &d->sources[source];
	struct steal cut = *way, race = *way;
	int64_t best = own_ms, ms;

	if (!may_help(d, s))
		return SPEED_NEVER;
	if (is_worth_a_cut(d, p, s, own_ms) && can_cut(d, p, s)) {
		ms = try_cut(d, p, &d->caches[s->cache], &cut.from);
		if (ms < own_ms - own_ms / CUT_GAIN_SHARE) {
			best = ms;
			*way = cut;
		}
	}
	if (best > RACE_MS) {
		ms = try_race(d, p, source, &race);
		if (ms < best / RACE_GAIN) {
			best = ms;
			*way = race;
		}
	}
	return best < own_ms ? best : SPEED_NEVER;
}

/* The way in which the part's bytes come soonest; false if none is worth it. */
static bool best_help(const struct dispatch *d, uint32_t part, int64_t own_ms,
		      struct steal *ret)
{
	const struct part *p = &d->parts[part];
	int64_t best_ms = SPEED_NEVER;

	for (uint32_t id = d->nodes[p->node].sources; id != NONE;
	     id = d->sources[id].next) {
		struct steal way = { .part = part, .source = id };
		int64_t ms = try_source(d, p, own_ms, id, &way);

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

	for (uint32_t i = 0; i < d->part_count; i++) {
		const struct part *p = &d->parts[i];
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
