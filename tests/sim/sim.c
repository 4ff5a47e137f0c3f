#include "sim.h"

#include <malloc.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "sim_state.h"

/* How often bytes are told to the dispatcher, at least. */
#define TICK_MS 100
/* Turns in which the time stands still, at most. */
#define STILL_MAX  100000
#define FOREVER_MS 1e10

void sim_fail(struct sim *s, const char *fmt, ...)
{
	char *text = s->result->failure;
	size_t size = sizeof(s->result->failure);
	va_list args;
	int len;

	if (sim_failed(s))
		return;
	len = snprintf(text, size, "at %.1f ms: ", s->now);
	va_start(args, fmt);
	vsnprintf(text + len, size - (size_t)len, fmt, args);
	va_end(args);
}

bool sim_failed(const struct sim *s)
{
	return s->result->failure[0] != '\0';
}

void sim_trace(const struct sim *s, const char *fmt, ...)
{
	va_list args;

	if (!s->trace)
		return;
	fprintf(stderr, "%10.1f ms: ", s->now);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

uint32_t sim_random(struct sim *s)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 17;
	s->random ^= s->random << 5;
	return s->random;
}

bool sim_chance(struct sim *s, double percent)
{
	return percent > 0 && sim_random(s) < percent / 100 * UINT32_MAX;
}

int64_t sim_now(const struct sim *s)
{
	return (int64_t)s->now;
}

int64_t sim_clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- caches ---- */

static void watch(struct sim *s, uint32_t cache)
{
	struct cache_run *c = &s->caches[cache];

	if (c->is_watched)
		return;
	c->is_watched = true;
	MEM_GROW(s->watched, s->watched_count, s->watched_cap);
	s->watched[s->watched_count++] = cache;
}

void sim_health(struct sim *s, uint32_t cache, enum health_event event)
{
	DECIDE(s, health_event(&s->caches[cache].health, event, sim_now(s)));
	if (event != HEALTH_OK)
		watch(s, cache);
}

void sim_source_dead(struct sim *s, uint32_t source)
{
	s->dead[source] = true;
}

static void tell_cache(struct sim *s, uint32_t cache)
{
	const struct sim_cache *c = &s->world->caches[cache];
	struct dispatch_cache facts = { .priority = c->priority, .local = c->local };

	if (c->is_known) {
		facts.latency_us = (uint32_t)(c->latency_ms * 1000);
		facts.throughput = (uint64_t)c->rate;
	}
	dispatch_set_cache(s->dispatch, cache, &facts);
}

/* Only of those that had a failure is there something to tell. */
static void tell_states(struct sim *s)
{
	for (size_t i = 0; i < s->watched_count;) {
		uint32_t cache = s->watched[i];
		struct cache_run *c = &s->caches[cache];
		enum dispatch_state state = DISPATCH_PAUSED;

		if (health_is_gone(&c->health)) {
			state = DISPATCH_GONE;
			c->is_gone = true;
		} else if (health_usable(&c->health, sim_now(s))) {
			state = health_is_waited_for(&c->health) ? DISPATCH_TRIAL
								 : DISPATCH_USABLE;
		}
		DECIDE(s, dispatch_set_state(s->dispatch, cache, state));
		if (state == DISPATCH_PAUSED || state == DISPATCH_TRIAL) {
			i++;
			continue;
		}
		c->is_watched = false;
		s->watched[i] = s->watched[--s->watched_count];
	}
}

/* As outage_look. */
static void look_at_outage(struct sim *s)
{
	int64_t left;

	if (!s->world->retry_for_ms)
		return;
	if (s->job_count)
		patience_progress(&s->patience, sim_now(s));
	left = patience_left_ms(&s->patience, sim_now(s));
	for (size_t i = 0; i < s->world->cache_count; i++)
		health_set_patient(&s->caches[i].health, left > 0);
}

static void apply_change(struct sim *s, const struct sim_change *change)
{
	struct cache_run *c = &s->caches[change->cache];

	sim_trace(s, "cache %u changes", change->cache);
	c->mode = change->mode;
	if (change->rate > 0)
		s->shares[change->cache].rate = change->rate / 1000;
	s->is_reshare_due = true;
	for (size_t i = 0; i < s->part_count; i++)
		if (s->parts[i].phase != PHASE_FREE && s->parts[i].cache == change->cache)
			sim_part_mode(s, &s->parts[i]);
}

static void apply_changes(struct sim *s)
{
	const struct sim_world *w = s->world;

	while (s->next_change < w->change_count &&
	       w->changes[s->next_change].at_ms <= s->now)
		apply_change(s, &w->changes[s->next_change++]);
}

/* ---- nodes and sources become known ---- */

static bool comes_first(const struct arrival *a, const struct arrival *b)
{
	return a->at < b->at || (a->at == b->at && a->kind < b->kind);
}

void sim_arrival(struct sim *s, const struct arrival *a)
{
	size_t at = s->arrival_count;

	MEM_GROW(s->arrivals, s->arrival_count, s->arrival_cap);
	s->arrival_count++;
	for (; at && comes_first(a, &s->arrivals[(at - 1) / 2]); at = (at - 1) / 2)
		s->arrivals[at] = s->arrivals[(at - 1) / 2];
	s->arrivals[at] = *a;
}

static struct arrival take_arrival(struct sim *s)
{
	struct arrival top = s->arrivals[0], last = s->arrivals[--s->arrival_count];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < s->arrival_count) {
		if (child + 1 < s->arrival_count &&
		    comes_first(&s->arrivals[child + 1], &s->arrivals[child]))
			child++;
		if (!comes_first(&s->arrivals[child], &last))
			break;
		s->arrivals[at] = s->arrivals[child];
		at = child;
	}
	s->arrivals[at] = last;
	return top;
}

static void tell_source(struct sim *s, uint32_t node, uint32_t id)
{
	const struct sim_source *source = &s->world->sources[id];
	uint64_t size = source->size + (source->faults & SIM_MISTELLS ? 1 : 0);
	struct dispatch_source told = { .cache = source->cache };

	if (!(source->faults & SIM_UNSIZED))
		told.file_size = size;
	if (source->encoding)
		told.file_id = ((uint64_t)node << 16 | source->encoding) ^ size << 40;
	DECIDE(s, dispatch_add_source(s->dispatch, node, &told));
}

static void tell_closed(struct sim *s, uint32_t node)
{
	s->nodes[node].is_closed = true;
	DECIDE(s, dispatch_closed(s->dispatch, node));
}

static void tell_wanted(struct sim *s, uint32_t node)
{
	if (s->nodes[node].state != NODE_UNTOLD)
		return;
	s->nodes[node].state = NODE_OPEN;
	DECIDE(s, dispatch_want(s->dispatch, node, s->world->nodes[node].nar_size));
}

/* All at once, or the lookups begin. */
static void node_arrives(struct sim *s, uint32_t node)
{
	const struct sim_node *n = &s->world->nodes[node];
	uint32_t count = n->store_first ? 1 : n->source_count;
	double last = s->now;

	if (!s->world->has_lookups) {
		tell_wanted(s, node);
		for (uint32_t i = 0; i < count; i++)
			tell_source(s, node, (uint32_t)n->source + i);
		tell_closed(s, node);
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint32_t source = (uint32_t)n->source + i;
		double at = s->now +
			    s->world->caches[s->world->sources[source].cache].latency_ms *
				    (1 + (double)sim_random(s) / UINT32_MAX);

		last = at > last ? at : last;
		sim_arrival(s, &(struct arrival){ at, node, source, ARRIVAL_SOURCE });
	}
	sim_arrival(s, &(struct arrival){ last, node, 0, ARRIVAL_CLOSED });
}

static void take_arrivals(struct sim *s)
{
	const struct sim_world *w = s->world;

	for (;
	     s->next_node < w->node_count && w->nodes[s->next_node].arrives_ms <= s->now;
	     s->next_node++)
		node_arrives(s, (uint32_t)s->next_node);
	while (s->arrival_count && s->arrivals[0].at <= s->now) {
		struct arrival a = take_arrival(s);

		tell_wanted(s, a.node);
		if (s->nodes[a.node].state != NODE_OPEN)
			continue; /* its sources come too late */
		if (a.kind == ARRIVAL_SOURCE)
			tell_source(s, a.node, a.source);
		else
			tell_closed(s, a.node);
	}
}

/* ---- the clock ---- */

static double least(double a, double b)
{
	return a < b ? a : b;
}

static double next_time(const struct sim *s)
{
	const struct sim_world *w = s->world;
	double next = s->due == DISPATCH_NEVER ? INFINITY : (double)s->due;

	for (size_t i = 0; i < s->part_count; i++) {
		next = least(next, sim_part_due(s, &s->parts[i]));
		if (s->parts[i].phase == PHASE_FLOWS)
			next = least(next, s->now + TICK_MS);
	}
	for (size_t i = 0; i < s->job_count; i++)
		next = least(next, s->jobs[i].due);
	for (size_t i = 0; i < s->watched_count; i++)
		if (s->caches[s->watched[i]].health.open_until > sim_now(s))
			next = least(next,
				     (double)s->caches[s->watched[i]].health.open_until);
	if (patience_left_ms(&s->patience, sim_now(s)))
		next = least(next,
			     s->now + (double)patience_left_ms(&s->patience, sim_now(s)));
	if (s->next_change < w->change_count)
		next = least(next, w->changes[s->next_change].at_ms);
	if (s->next_node < w->node_count)
		next = least(next, w->nodes[s->next_node].arrives_ms);
	if (s->arrival_count)
		next = least(next, s->arrivals[0].at);
	return next;
}

static void reshare(struct sim *s)
{
	size_t count = 0;

	s->is_reshare_due = false;
	for (size_t i = 0; i < s->part_count; i++)
		if (s->parts[i].phase == PHASE_FLOWS)
			s->flows[count++] = &s->parts[i].flow;
	share(s->flows, count, s->shares, s->link);
}

static void move_to(struct sim *s, double next)
{
	double ms = next - s->now;
	int64_t began;

	s->now = next;
	for (size_t i = 0; i < s->part_count; i++)
		if (s->parts[i].phase == PHASE_FLOWS)
			s->parts[i].at += s->parts[i].flow.rate * ms;
	began = sim_clock_ns();
	for (size_t i = 0; i < s->part_count; i++)
		sim_part_tell(s, &s->parts[i]);
	s->decide_ns += sim_clock_ns() - began;
}

static void turn(struct sim *s)
{
	for (size_t i = 0; i < s->part_count && !sim_failed(s); i++)
		sim_part_turn(s, &s->parts[i]);
	sim_verdicts(s);
	take_arrivals(s);
	look_at_outage(s);
	tell_states(s);
	sim_follow_orders(s);
	if (s->is_reshare_due)
		reshare(s);
}

static bool is_over(const struct sim *s)
{
	return sim_failed(s) || (s->open == 0 && s->active[0] + s->active[1] == 0);
}

static void fail_stuck(struct sim *s)
{
	size_t node = 0;

	while (node < s->world->node_count && s->nodes[node].state > NODE_OPEN)
		node++;
	sim_fail(s, "nothing happens any more; %zu nodes are left, one is %zu", s->open,
		 node);
}

static void run_sim(struct sim *s)
{
	unsigned still = 0;

	for (turn(s); !is_over(s); turn(s)) {
		double next = next_time(s);

		if (next > FOREVER_MS) {
			fail_stuck(s);
			break;
		}
		still = next > s->now ? 0 : still + 1;
		if (still > STILL_MAX)
			sim_fail(s, "the time stands still");
		move_to(s, next > s->now ? next : s->now);
		apply_changes(s);
	}
	if (!sim_failed(s) && dispatch_waiting(s->dispatch))
		sim_fail(s, "%zu nodes wait in the end", dispatch_waiting(s->dispatch));
}

/* ---- beginning and end ---- */

static size_t memory_in_use(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void begin_cache(struct sim *s, uint32_t cache)
{
	const struct sim_cache *c = &s->world->caches[cache];

	tell_cache(s, cache);
	s->caches[cache].mode = c->mode;
	s->shares[cache].rate = c->rate > 0 ? c->rate / 1000 : SHARE_UNLIMITED;
	/* It has answered to the lookups. */
	sim_health(s, cache, HEALTH_OK);
}

static void allocate(struct sim *s)
{
	const struct sim_world *w = s->world;

	s->part_count = w->slots + w->local_slots;
	s->parts = mem_calloc(s->part_count, sizeof(*s->parts));
	s->flows = mem_calloc(s->part_count, sizeof(struct flow *));
	s->caches = mem_calloc(w->cache_count, sizeof(*s->caches));
	s->shares = mem_calloc(w->cache_count, sizeof(*s->shares));
	s->nodes = mem_calloc(w->node_count + 1, sizeof(*s->nodes));
	s->dead = mem_calloc(w->source_count + 1, sizeof(*s->dead));
	s->present_used = mem_calloc(w->present_count + 1, sizeof(bool));
	s->link = w->link > 0 ? w->link / 1000 : SHARE_UNLIMITED;
	s->open = w->node_count;
}

static void release(struct sim *s)
{
	for (uint32_t i = 0; i < s->world->node_count; i++)
		sim_files_free(s, i);
	dispatch_free(s->dispatch);
	free(s->parts);
	free(s->flows);
	free(s->caches);
	free(s->shares);
	free(s->nodes);
	free(s->dead);
	free(s->present_used);
	free(s->watched);
	free(s->jobs);
	free(s->arrivals);
}

void sim_run(const struct sim_world *w, bool trace, struct sim_result *ret)
{
	const struct dispatch_options o = {
		.slots = w->slots,
		.slots_per_cache = w->slots_per_cache,
		.local_slots = w->local_slots,
		.part_min = w->part_min,
	};
	struct sim s = {
		.world = w, .result = ret, .trace = trace, .random = w->seed | 1
	};
	int64_t began = sim_clock_ns();
	size_t memory;

	*ret = (struct sim_result){ 0 };
	allocate(&s);
	memory = memory_in_use();
	s.dispatch = dispatch_new(&o);
	patience_begin(&s.patience, w->retry_for_ms, 0);
	if (w->link_is_told)
		dispatch_set_limit(s.dispatch, (uint64_t)w->link);
	for (uint32_t i = 0; i < w->cache_count; i++)
		begin_cache(&s, i);
	take_arrivals(&s);
	ret->memory = memory_in_use() - memory;
	ret->tell_s = (double)s.decide_ns / 1e9;
	s.decide_ns = 0;
	run_sim(&s);
	ret->decide_s = (double)s.decide_ns / 1e9;
	ret->wall_s = (double)(sim_clock_ns() - began) / 1e9;
	ret->twice = ret->bytes > ret->file_bytes ? ret->bytes - ret->file_bytes : 0;
	release(&s);
}
