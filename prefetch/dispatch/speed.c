#include "dispatch/state.h"

/* Assumed speed of a cache if no speed is known at all. */
#define RATE_GUESS (100 * 1000 * 1000)
/* Less measures latency rather than throughput. */
#define SAMPLE_MIN (64 * 1024)

int64_t speed_ms(uint64_t bytes, uint64_t rate)
{
	uint64_t ms;

	if (bytes == 0)
		return 0;
	if (rate == 0)
		return SPEED_NEVER;
	ms = bytes / rate * 1000 + bytes % rate * 1000 / rate;
	return ms < (uint64_t)SPEED_NEVER ? (int64_t)ms : SPEED_NEVER;
}

/* For this long, watch whether more connections make a cache faster; */
#define OWN_TRIAL_MS (2 * METER_WINDOW_MS)
/* its rate must grow by this fraction. */
#define OWN_GAIN_SHARE 4

/* After this many windows, less than a hundred-thousandth of an earlier rate remains. */
#define FORGETTING_WINDOWS 24

/* ---- meters ---- */

static uint64_t rate_over(uint64_t bytes, int64_t ms)
{
	return bytes * 1000 / (uint64_t)(ms > 0 ? ms : 1);
}

/* Merges the window into the average. A longer window counts as several; after a few of
 * them nothing of the earlier average remains. */
static void meter_fold(struct meter *m, int64_t now)
{
	uint64_t sample = rate_over(m->bytes, now - m->since);
	int64_t windows = (now - m->since) / METER_WINDOW_MS;

	if (m->rate == 0 || windows > FORGETTING_WINDOWS)
		m->rate = sample;
	do
		m->rate = (m->rate * 5 + sample * 3) / 8;
	while (--windows > 0 && m->rate != sample);
	m->since = now;
	m->bytes = 0;
}

static void meter_add(struct meter *m, uint64_t n, int64_t now)
{
	m->bytes += n;
	if (now - m->since >= METER_WINDOW_MS)
		meter_fold(m, now);
}

/* A long silence counts before it ends. */
static uint64_t meter_rate(const struct meter *m, int64_t now)
{
	struct meter copy = *m;

	if (now - m->since >= 2 * METER_WINDOW_MS)
		meter_fold(&copy, now);
	return copy.rate;
}

/* ---- caches ---- */

bool speed_is_known(const struct supplier *c)
{
	return c->meter.rate != 0;
}

void speed_recount(struct dispatch *d, struct supplier *c)
{
	bool is_usable = c->state == DISPATCH_USABLE && !c->facts.local;
	bool is_offering = is_usable && bins_have_any(c);
	uint64_t rate = is_offering || (is_usable && c->active) ? c->meter.rate : 0;

	d->usable += (unsigned)is_usable - (unsigned)c->is_counted;
	d->offering += (unsigned)is_offering - (unsigned)c->is_offering;
	d->known_rates += rate - c->counted;
	d->known_count += (unsigned)(rate != 0) - (unsigned)(c->counted != 0);
	c->is_counted = is_usable;
	c->is_offering = is_offering;
	c->counted = rate;
}

void speed_init(struct supplier *c)
{
	if (!c->is_measured)
		c->meter.rate = c->facts.throughput;
	if (c->latency_ms == 0)
		c->latency_ms = c->facts.latency_us / 1000;
}

uint64_t speed_of_cache(const struct dispatch *d, const struct supplier *c)
{
	uint64_t rate = speed_is_known(c) ? c->meter.rate : RATE_GUESS;

	if (c->flowing)
		rate = speed_is_known(c) ? meter_rate(&c->meter, d->now) : rate;
	else if (!speed_is_known(c) && d->known_count)
		rate = d->known_rates / d->known_count;
	return rate ? rate : 1;
}

/* The number of connections for one file doubles as long as that helps. */
static void judge_own_parts(struct dispatch *d, struct supplier *c)
{
	uint64_t rate = c->meter.rate;

	if (!c->own_since || d->now - c->own_since < OWN_TRIAL_MS)
		return;
	c->own_since = 0;
	if (c->active < c->own_parts)
		return;
	c->own_parts =
		rate > c->own_rate + c->own_rate / OWN_GAIN_SHARE ? 2 * c->own_parts : 1;
	c->own_rate = rate;
}

void speed_own_cut(struct dispatch *d, struct supplier *c)
{
	if (!c->own_rate)
		c->own_rate = speed_of_cache(d, c);
	if (c->active >= c->own_parts && !c->own_since)
		c->own_since = d->now;
}

static void fold_cache(struct dispatch *d, struct supplier *c)
{
	/* The history is no longer needed. */
	if (!c->is_measured)
		c->meter.rate = 0;
	meter_fold(&c->meter, d->now);
	c->is_measured = true;
	judge_own_parts(d, c);
	speed_recount(d, c);
}

int64_t speed_backlog_ms(const struct dispatch *d, const struct supplier *c)
{
	return c->latency_ms + speed_ms(c->backlog, speed_of_cache(d, c));
}

void speed_look_ahead(struct dispatch *d)
{
	uint64_t rates = d->known_rates, bytes = d->offered;

	for (size_t i = 0; i < d->part_count; i++)
		if (d->parts[i].is_active && !d->parts[i].is_cancelled)
			bytes += d->parts[i].left;
	d->all_ms = speed_ms(bytes, rates ? rates : RATE_GUESS);
}

/* ---- parts ---- */

static uint64_t left_of(const struct dispatch *d, const struct assignment *p)
{
	uint64_t guess = node_guess(&d->nodes[p->node]);

	if (p->end != DISPATCH_TO_END)
		return p->end - p->at;
	return guess > p->at ? guess - p->at : 0;
}

static void set_left(struct dispatch *d, struct assignment *p, uint64_t left)
{
	d->caches[p->cache].backlog += left - p->left;
	p->left = left;
}

void speed_part_begins(struct dispatch *d, struct assignment *p)
{
	p->started = d->now;
	set_left(d, p, left_of(d, p));
}

void speed_part_resized(struct dispatch *d, struct assignment *p)
{
	set_left(d, p, left_of(d, p));
}

void speed_part_flows(struct dispatch *d, struct assignment *p)
{
	struct supplier *c = &d->caches[p->cache];
	int64_t latency = d->now - p->started;

	if (p->is_flowing)
		return;
	p->is_flowing = true;
	p->meter.since = d->now;
	if (c->flowing++ == 0)
		c->meter.since = d->now;
	c->latency_ms = c->latency_ms ? (c->latency_ms * 3 + latency) / 4 : latency;
}

void speed_part_bytes(struct dispatch *d, struct assignment *p, uint64_t n)
{
	struct supplier *c = &d->caches[p->cache];

	if (!p->is_flowing)
		speed_part_flows(d, p);
	set_left(d, p,
		 p->end != DISPATCH_TO_END ? p->end - p->at
					   : (p->left > n ? p->left - n : 0));
	meter_add(&p->meter, n, d->now);
	c->meter.bytes += n;
	if (c->meter.bytes >= SAMPLE_MIN && d->now - c->meter.since >= METER_WINDOW_MS)
		fold_cache(d, c);
}

/* The cache's last part for now: count what it brought, if anything. */
void speed_part_over(struct dispatch *d, struct assignment *p)
{
	struct supplier *c = &d->caches[p->cache];

	set_left(d, p, 0);
	if (!p->is_flowing || --c->flowing)
		return;
	if (c->meter.bytes >= SAMPLE_MIN && d->now > c->meter.since)
		fold_cache(d, c);
	c->meter.bytes = 0;
}

uint64_t speed_of_part(const struct dispatch *d, const struct assignment *p)
{
	if (!p->is_flowing)
		return 0;
	/* Too early to measure: assume its share of the cache's rate. */
	if (p->meter.rate == 0 && d->now - p->meter.since < METER_WINDOW_MS)
		return speed_of_cache(d, &d->caches[p->cache]) /
		       d->caches[p->cache].active;
	return p->meter.rate ? meter_rate(&p->meter, d->now)
			     : rate_over(p->meter.bytes, d->now - p->meter.since);
}

int64_t speed_part_ms(const struct dispatch *d, const struct assignment *p)
{
	const struct supplier *c = &d->caches[p->cache];
	int64_t waited = d->now - p->started;

	if (p->is_flowing)
		return speed_ms(p->left, speed_of_part(d, p));
	/* A late part may be late by the same time again. */
	return (waited > c->latency_ms ? waited : c->latency_ms - waited) +
	       speed_ms(p->left, speed_of_cache(d, c) / c->active);
}
