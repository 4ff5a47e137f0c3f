/* At the end, when nothing is left to start, slow parts are helped: a part is cut, and
 * another cache, or another connection, brings what lies behind the cut; or, where it
 * cannot be cut, another cache races it. */
#include "net/dispatch_state.h"

/* What is through sooner is left alone. */
#define CUT_MS	300
#define RACE_MS 500
/* An answer may be waited for so long, before it is asked for elsewhere. */
#define ANSWER_MS 1000
/* A limit for all is reached when less than this part of it is free. */
#define SPARE_SHARE 8
/* A race costs bytes: it must be won clearly. */
#define RACE_GAIN 2

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

	return p->is_flowing && p->ranges && p->end != DISPATCH_TO_END && !n->solo &&
	       !d->sources[p->source].no_range &&
	       node_same_file(s, &d->sources[p->source]) &&
	       p->left >= 2 * d->opts.part_min;
}

/* Both parts end together: where, and how long that takes. */
static int64_t try_cut(const struct dispatch *d, const struct part *p,
		       const struct cache *c, uint64_t *ret_from)
{
	uint64_t own = speed_of_part(d, p), other = thief_rate(d, p, c);
	uint64_t late = other * (uint64_t)c->latency_ms / 1000;
	double share = (double)own / (double)(own + other + 1);
	uint64_t keep = (uint64_t)((double)(p->left + late) * share);
	uint64_t most = p->left - d->opts.part_min;

	if (keep < d->opts.part_min)
		keep = d->opts.part_min;
	if (keep > most)
		keep = most;
	*ret_from = p->at + keep;
	return speed_ms(keep, own);
}

static int64_t try_race(const struct dispatch *d, const struct part *p, uint32_t source,
			struct steal *s)
{
	const struct source *other = &d->sources[source];
	const struct node *n = &d->nodes[p->node];
	const struct cache *c = &d->caches[other->cache];
	uint64_t bytes = p->left;

	if (other->cache == p->cache ||
	    (!p->is_flowing && d->now - p->started < ANSWER_MS))
		return SPEED_NEVER;
	s->is_race = true;
	s->from = p->at;
	s->is_other_file = n->solo || !node_same_file(other, &d->sources[p->source]);
	if (s->is_other_file) {
		/* All of it, beside what is the only part of the only file. */
		if (n->parts > 1 || n->solo || d->files[n->files].next != NONE)
			return SPEED_NEVER;
		bytes = other->file_size ? other->file_size : n->nar_size;
	}
	return c->latency_ms + speed_ms(bytes, thief_rate(d, p, c));
}

static bool may_help(const struct dispatch *d, const struct source *s)
{
	const struct cache *c = &d->caches[s->cache];

	return offer_is_alive(d, s) && s->retry_at <= d->now && !c->facts.local &&
	       c->state == DISPATCH_USABLE && offer_has_room(d, c);
}

/* The way in which the part's bytes come soonest; false if none is worth it. */
static bool best_help(const struct dispatch *d, uint32_t part, int64_t own_ms,
		      struct steal *ret)
{
	const struct part *p = &d->parts[part];
	int64_t best_ms = SPEED_NEVER;

	for (uint32_t id = d->nodes[p->node].sources; id != NONE;
	     id = d->sources[id].next) {
		const struct source *s = &d->sources[id];
		struct steal way = { .part = part, .source = id };
		bool worth;
		int64_t ms;

		if (!may_help(d, s))
			continue;
		if (can_cut(d, p, s)) {
			ms = try_cut(d, p, &d->caches[s->cache], &way.from);
			worth = own_ms > CUT_MS && ms < own_ms - own_ms / 8;
		} else {
			ms = try_race(d, p, id, &way);
			worth = own_ms > RACE_MS && ms < own_ms / RACE_GAIN;
		}
		if (worth && ms < best_ms) {
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

	if (d->active[0] >= d->opts.slots)
		return false;
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
