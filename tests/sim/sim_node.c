#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sim_state.h"

#define ORDERS_PER_TURN 1000 /* and one a node */

/* ---- files ---- */

static uint32_t identity_of(const struct sim_source *s)
{
	if (!s->encoding)
		return UINT32_MAX - s->cache;
	return s->encoding | (s->faults & SIM_MISTELLS ? 1U << 16 : 0);
}

static uint64_t told_size(const struct sim_source *s)
{
	if (s->faults & SIM_UNSIZED)
		return 0;
	return s->faults & SIM_MISTELLS ? s->size + 1 : s->size;
}

static void file_free(struct node_run *n, struct sim_file *f)
{
	struct sim_file **at = &n->files;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	runs_release(&f->here);
	runs_release(&f->wrong);
	runs_release(&f->refused);
	free(f);
}

static bool is_under_way(const struct sim *s, const struct sim_file *f)
{
	for (size_t i = 0; i < s->part_count; i++)
		if (s->parts[i].phase != PHASE_FREE && s->parts[i].file == f)
			return true;
	return false;
}

static struct sim_file *file_find(const struct node_run *n, uint32_t number)
{
	struct sim_file *f = n->files;

	while (f && f->number != number)
		f = f->next;
	return f;
}

static struct sim_file *file_new(struct node_run *n, uint32_t number)
{
	struct sim_file *f = mem_calloc(1, sizeof(*f));

	f->number = number;
	f->next = n->files;
	n->files = f;
	return f;
}

static struct sim_file *file_fresh(struct sim *s, struct node_run *n,
				   const struct dispatch_order *o)
{
	struct sim_file *f = file_find(n, o->file);

	if (f && (f->at_worker || is_under_way(s, f)))
		sim_fail(s, "file %u of node %u is begun anew while it is under way",
			 o->file, o->node);
	if (f)
		file_free(n, f);
	return file_new(n, o->file);
}

/* The file that the order is for; NULL: there cannot be such an order. */
static struct sim_file *file_of(struct sim *s, const struct dispatch_order *o,
				uint32_t source_id)
{
	const struct sim_source *source = &s->world->sources[source_id];
	struct node_run *n = &s->nodes[o->node];
	struct sim_file *f = o->fresh ? file_fresh(s, n, o) : file_find(n, o->file);

	if (!f) {
		sim_fail(s, "node %u goes on with file %u, of which nothing is here",
			 o->node, o->file);
		return NULL;
	}
	if (!o->fresh && f->identity != identity_of(source)) {
		sim_fail(s, "node %u: cache %u does not have file %u", o->node, o->cache,
			 o->file);
		return NULL;
	}
	f->identity = identity_of(source);
	f->source = source_id;
	f->size = source->size;
	if (!f->known_size)
		f->known_size = told_size(source);
	return f;
}

/* Who comes first with a byte has brought it. */
void sim_write(struct sim *s, struct part *p, uint64_t end)
{
	struct sim_file *f = p->file;
	bool lies = s->world->sources[p->source].faults & SIM_LIES;
	uint64_t at = p->told;
	struct run missing;

	s->result->bytes += end - at;
	while (runs_missing(&f->here, at, end, &missing)) {
		runs_add(&f->here, missing.from, missing.end);
		if (lies)
			runs_add(&f->wrong, missing.from, missing.end);
		at = missing.end;
	}
}

static void tell_present(struct sim *s, const struct dispatch_order *o,
			 struct sim_file *f)
{
	for (size_t i = 0; i < s->world->present_count; i++) {
		const struct sim_present *p = &s->world->present[i];

		if (p->node != o->node || p->encoding != f->identity ||
		    s->present_used[i])
			continue;
		s->present_used[i] = true;
		runs_add(&f->here, p->from, p->end);
		if (p->is_wrong)
			runs_add(&f->wrong, p->from, p->end);
		DECIDE(s, dispatch_present(s->dispatch, o->part, p->from, p->end));
	}
}

/* ---- verdicts on nodes ---- */

void sim_files_free(struct sim *s, uint32_t node)
{
	struct node_run *n = &s->nodes[node];

	if (!n->files)
		return;
	for (size_t i = 0; i < s->part_count; i++) {
		struct part *p = &s->parts[i];

		if (p->phase == PHASE_FREE || p->node != node)
			continue;
		sim_part_still(s, p, PHASE_STOPPED);
		p->file = NULL;
	}
	while (n->files)
		file_free(n, n->files);
}

static void node_end(struct sim *s, uint32_t node, enum node_state state)
{
	struct node_run *n = &s->nodes[node];

	if (n->state != NODE_OPEN)
		sim_fail(s, "node %u has two verdicts", node);
	n->state = (uint8_t)state;
	s->open--;
	sim_files_free(s, node);
}

/* ---- orders ---- */

static uint32_t find_source(const struct sim *s, uint32_t node, uint32_t cache)
{
	const struct sim_node *n = &s->world->nodes[node];

	for (uint32_t i = 0; i < n->source_count; i++)
		if (s->world->sources[n->source + i].cache == cache)
			return (uint32_t)n->source + i;
	return DISPATCH_NONE;
}

static void check_slots(struct sim *s, const struct part *p)
{
	const struct sim_world *w = s->world;

	if (s->active[0] > w->slots || s->active[1] > w->local_slots)
		sim_fail(s, "there are %u parts under way, and %u on this machine",
			 s->active[0], s->active[1]);
	if (!p->is_local && s->caches[p->cache].parts > w->slots_per_cache)
		sim_fail(s, "cache %u has %u parts under way", p->cache,
			 s->caches[p->cache].parts);
}

/* Bytes are asked for a second time in a race only, or because they do not count. */
static void check_range(struct sim *s, const struct dispatch_order *o, struct sim_file *f)
{
	uint64_t size = told_size(&s->world->sources[f->source]);
	uint64_t end = o->end < f->size ? o->end : f->size, at = o->from;
	struct run hole, again;
	bool is_double = false;

	if (o->from >= o->end || (o->end != DISPATCH_TO_END && size && o->end > size))
		sim_fail(s, "bytes %" PRIu64 " to %" PRIu64 " of %" PRIu64 " are ordered",
			 o->from, o->end, size);
	for (size_t i = 0; i < s->part_count; i++) {
		const struct part *p = &s->parts[i];

		if (p->phase != PHASE_FREE && p->phase != PHASE_STOPPED && p->file == f &&
		    p->told < o->end && o->from < p->end)
			is_double = true;
	}
	for (; !o->fresh && at < end; at = hole.end) {
		if (!runs_missing(&f->here, at, end, &hole))
			hole = (struct run){ end, end };
		if (hole.from > at && runs_missing(&f->refused, at, hole.from, &again))
			is_double = true;
	}
	if (is_double && !o->is_race)
		sim_fail(s,
			 "bytes %" PRIu64 " to %" PRIu64 " of node %u are ordered twice",
			 o->from, o->end, o->node);
}

/* Of two files that are under way, the second was begun as a race. */
static void check_race(struct sim *s, const struct dispatch_order *o,
		       const struct sim_file *f)
{
	for (size_t i = 0; o->fresh && !o->is_race && i < s->part_count; i++) {
		const struct part *p = &s->parts[i];

		if (p->phase != PHASE_FREE && p->phase != PHASE_STOPPED &&
		    p->node == o->node && p->file != f)
			sim_fail(s, "two files of node %u, and it is no race", o->node);
	}
}

static void cut(struct sim *s, const struct dispatch_order *o)
{
	struct part *p = o->cut < s->part_count ? &s->parts[o->cut] : NULL;

	s->result->cuts++;
	if (!p || p->phase == PHASE_FREE || p->phase == PHASE_STOPPED ||
	    p->node != o->node)
		sim_fail(s, "part %u is cut for node %u", o->cut, o->node);
	else
		sim_part_cut(s, p, o->from);
}

static struct part *part_new(struct sim *s, const struct dispatch_order *o,
			     uint32_t source, struct sim_file *f)
{
	const struct sim_cache *c = &s->world->caches[o->cache];
	double cap = c->connection_rate > 0 ? c->connection_rate / 1000 : SHARE_UNLIMITED;
	struct part *p = &s->parts[o->part];

	*p = (struct part){
		.phase = PHASE_STOPPED,
		.number = o->part,
		.node = o->node,
		.cache = o->cache,
		.source = source,
		.file = f,
		.is_local = c->local,
		.is_race = o->is_race,
		.from = o->from,
		.end = o->end,
		.told = o->from,
		.flow = { .cache = o->cache, .is_linked = !c->local, .cap = cap },
	};
	s->active[p->is_local]++;
	s->caches[o->cache].parts++;
	return p;
}

static void start_local(struct sim *s, struct part *p)
{
	if (p->from)
		sim_fail(s, "a part of a file on this machine is ordered");
	p->at = 0;
	p->stops_at = (double)p->file->size;
	p->phase = PHASE_FLOWS;
	s->is_reshare_due = true;
}

static void start_network(struct sim *s, const struct dispatch_order *o, struct part *p)
{
	if (o->fresh) {
		tell_present(s, o, p->file);
	} else if (!o->is_race) {
		runs_remove(&p->file->here, o->from, o->end);
		runs_remove(&p->file->wrong, o->from, o->end);
		runs_remove(&p->file->refused, o->from, o->end);
	}
	sim_part_ask(s, p);
}

static void check_start(struct sim *s, const struct dispatch_order *o, uint32_t source)
{
	const struct part *p = &s->parts[o->part];

	if (p->phase != PHASE_FREE)
		sim_fail(s, "part %u is started while it is under way", o->part);
	if (s->nodes[o->node].state != NODE_OPEN)
		sim_fail(s, "node %u is started after its verdict", o->node);
	if (source == DISPATCH_NONE || s->dead[source])
		sim_fail(s, "node %u is asked of cache %u, which does not have it",
			 o->node, o->cache);
	else if (s->caches[o->cache].is_gone ||
		 !health_usable(&s->caches[o->cache].health, sim_now(s)))
		sim_fail(s, "cache %u is asked, and not usable", o->cache);
}

static void start_part(struct sim *s, const struct dispatch_order *o)
{
	uint32_t source = find_source(s, o->node, o->cache);
	struct sim_file *f;
	struct part *p;

	sim_trace(s,
		  "start part %u: node %u from %u, file %u%s, %" PRIu64 " to %" PRIu64
		  "%s, cut %d",
		  o->part, o->node, o->cache, o->file, o->fresh ? " fresh" : "", o->from,
		  o->end, o->is_race ? ", a race" : "", (int)o->cut);
	s->result->races += o->is_race;
	check_start(s, o, source);
	if (o->cut != DISPATCH_NONE && !sim_failed(s))
		cut(s, o);
	f = sim_failed(s) ? NULL : file_of(s, o, source);
	if (!f)
		return;
	check_range(s, o, f);
	check_race(s, o, f);
	p = part_new(s, o, source, f);
	check_slots(s, p);
	if (p->is_local)
		start_local(s, p);
	else
		start_network(s, o, p);
}

/* A worker that has begun with a file of this machine goes on. */
static void leave_to_worker(struct sim *s, const struct part *p)
{
	double left = p->stops_at - p->at;

	MEM_GROW(s->jobs, s->job_count, s->job_cap);
	s->jobs[s->job_count++] = (struct verify_job){
		.node = p->node,
		.is_local = true,
		.due = s->now + left / s->world->caches[p->cache].rate * 1000 +
		       sim_verify_ms(0),
	};
}

static void cancel(struct sim *s, const struct dispatch_order *o)
{
	struct part *p = o->part < s->part_count ? &s->parts[o->part] : NULL;

	sim_trace(s, "cancel part %u", o->part);
	s->result->cancels++;
	if (!p || p->phase == PHASE_FREE) {
		sim_fail(s, "part %u is cancelled, and not under way", o->part);
		return;
	}
	if (p->is_local && p->file &&
	    !(s->world->sources[p->source].faults & (SIM_ABSENT | SIM_LIES)))
		leave_to_worker(s, p);
	sim_part_free(s, p);
}

static void give_up(struct sim *s, uint32_t node)
{
	const struct sim_node *n = &s->world->nodes[node];

	sim_trace(s, "give up node %u", node);
	if (!s->nodes[node].is_closed)
		sim_fail(s, "node %u is given up before all sources are known", node);
	for (size_t i = n->source; i < n->source + n->source_count; i++)
		if (!s->dead[i] && !s->caches[s->world->sources[i].cache].is_gone)
			sim_fail(s, "node %u is given up, and cache %u has it", node,
				 s->world->sources[i].cache);
	for (size_t i = 0; i < s->part_count; i++)
		if (s->parts[i].phase != PHASE_FREE && s->parts[i].node == node &&
		    s->parts[i].phase != PHASE_STOPPED)
			sim_fail(s, "node %u is given up, and under way", node);
	s->result->given_up++;
	node_end(s, node, NODE_GIVEN_UP);
}

static void on_wait(struct sim *s, const struct dispatch_order *o)
{
	s->due = o->due;
	if (o->due <= sim_now(s))
		sim_fail(s, "the time to wait for is over");
	for (size_t i = 0; i < s->part_count; i++)
		if (s->parts[i].phase == PHASE_STOPPED)
			sim_fail(s, "part %zu of node %u is too late and not cancelled",
				 i, s->parts[i].node);
}

static void follow(struct sim *s, const struct dispatch_order *o)
{
	s->result->orders++;
	if (o->part != DISPATCH_NONE && o->part >= s->part_count)
		sim_fail(s, "there is a part %u", o->part);
	else if (o->act == DISPATCH_START)
		start_part(s, o);
	else if (o->act == DISPATCH_CANCEL)
		cancel(s, o);
	else
		give_up(s, o->node);
}

void sim_follow_orders(struct sim *s)
{
	size_t left = s->world->node_count + ORDERS_PER_TURN;
	struct dispatch_order o;

	s->due = DISPATCH_NEVER;
	while (s->unverified < SIM_UNVERIFIED_MAX && !sim_failed(s)) {
		DECIDE(s, dispatch_next(s->dispatch, sim_now(s), &o));
		if (o.act == DISPATCH_WAIT) {
			on_wait(s, &o);
			return;
		}
		follow(s, &o);
		if (left-- == 0)
			sim_fail(s, "there is no end of orders");
	}
}

/* ---- ends ---- */

static void on_whole(struct sim *s, struct sim_file *f, uint32_t node)
{
	struct run hole;

	if (runs_missing(&f->here, 0, f->size, &hole))
		sim_fail(s, "node %u is whole, without bytes %" PRIu64 " to %" PRIu64,
			 node, hole.from, hole.end);
	for (size_t i = 0; i < s->part_count; i++)
		if (s->parts[i].phase != PHASE_FREE && s->parts[i].node == node &&
		    !s->parts[i].is_local)
			sim_part_still(s, &s->parts[i], PHASE_STOPPED);
	f->at_worker = true;
	s->unverified++;
	MEM_GROW(s->jobs, s->job_count, s->job_cap);
	s->jobs[s->job_count++] = (struct verify_job){
		.node = node,
		.file = f->number,
		.due = s->now + sim_verify_ms(f->size),
	};
}

/* Another part brings the same bytes: those that this one brought need not count. */
static bool is_raced(const struct sim *s, const struct part *p)
{
	for (size_t i = 0; i < s->part_count; i++) {
		const struct part *other = &s->parts[i];

		if (other != p && other->phase != PHASE_FREE && other->file == p->file &&
		    other->from < p->end && p->from < other->end)
			return true;
	}
	return false;
}

static const char *const ends[] = {
	[DISPATCH_CAME] = "came",
	[DISPATCH_BROKE] = "broke",
	[DISPATCH_REFUSED] = "is refused",
	[DISPATCH_NO_RANGE] = "is given the whole file",
};

void sim_part_over(struct sim *s, struct part *p, enum dispatch_end how, int64_t retry_at)
{
	struct sim_file *f = p->file;
	uint32_t node = p->node;

	sim_trace(s, "part %u of node %u %s at %" PRIu64, p->number, node, ends[how],
		  p->told);
	if (how == DISPATCH_REFUSED || (how == DISPATCH_BROKE && is_raced(s, p)))
		runs_add(&f->refused, p->from, p->told);
	DECIDE(s, dispatch_part_end(s->dispatch, p->number, how, retry_at, sim_now(s)));
	sim_part_free(s, p);
	if ((how == DISPATCH_CAME || how == DISPATCH_BROKE) &&
	    dispatch_is_whole(s->dispatch, node))
		on_whole(s, f, node);
}

static void on_verified(struct sim *s, uint32_t node)
{
	sim_trace(s, "node %u is verified", node);
	s->result->verified++;
	s->result->makespan_ms = s->now;
	DECIDE(s, dispatch_verified(s->dispatch, node));
	node_end(s, node, NODE_VERIFIED);
}

/* The store was asked alone: now the caches are. */
static void ask_caches(struct sim *s, uint32_t node)
{
	const struct sim_node *n = &s->world->nodes[node];
	double last = s->now;

	s->nodes[node].asked_caches = true;
	s->nodes[node].is_closed = false;
	dispatch_want(s->dispatch, node, n->nar_size);
	for (uint32_t i = 1; i < n->source_count; i++) {
		uint32_t source = (uint32_t)n->source + i;
		double at = s->now +
			    s->world->caches[s->world->sources[source].cache].latency_ms;

		last = at > last ? at : last;
		sim_arrival(s, &(struct arrival){ at, node, source, ARRIVAL_SOURCE });
	}
	sim_arrival(s, &(struct arrival){ last, node, 0, ARRIVAL_CLOSED });
}

void sim_local_over(struct sim *s, struct part *p)
{
	const struct sim_source *source = &s->world->sources[p->source];
	uint32_t node = p->node, number = p->number;
	bool is_first = p->source == s->world->nodes[node].source;

	if (source->faults & (SIM_ABSENT | SIM_LIES)) {
		sim_source_dead(s, p->source);
		if (s->world->nodes[node].store_first && is_first)
			ask_caches(s, node);
		sim_part_over(s, p, DISPATCH_REFUSED, 0);
		return;
	}
	s->result->local_bytes += source->size;
	DECIDE(s, dispatch_part_end(s->dispatch, number, DISPATCH_CAME, 0, sim_now(s)));
	sim_part_free(s, p);
	on_verified(s, node);
}

/* What came from one cache alone tells of that cache. */
static void on_spoilt(struct sim *s, uint32_t node, struct sim_file *f)
{
	uint32_t liar = DISPATCH_NONE, source;

	DECIDE(s, liar = dispatch_spoilt(s->dispatch, node));
	sim_trace(s, "node %u is wrong, by %d", node, (int)liar);
	if (liar != DISPATCH_NONE) {
		source = find_source(s, node, liar);
		if (source == DISPATCH_NONE ||
		    !(s->world->sources[source].faults & SIM_LIES)) {
			sim_fail(s, "cache %u is blamed, and did not lie", liar);
			return;
		}
		sim_source_dead(s, source);
		sim_health(s, liar, HEALTH_LIED);
	}
	file_free(&s->nodes[node], f);
}

static void verdict(struct sim *s, const struct verify_job *job)
{
	struct node_run *n = &s->nodes[job->node];
	struct sim_file *f = NULL;

	s->unverified -= !job->is_local;
	if (n->state != NODE_OPEN)
		return; /* another worker was faster */
	if (!job->is_local)
		f = file_find(n, job->file);
	if (f && f->wrong.len) {
		on_spoilt(s, job->node, f);
		return;
	}
	s->result->file_bytes += f ? f->size : 0;
	on_verified(s, job->node);
}

void sim_verdicts(struct sim *s)
{
	for (size_t i = 0; i < s->job_count && !sim_failed(s);) {
		struct verify_job job = s->jobs[i];

		if (job.due > s->now) {
			i++;
			continue;
		}
		s->jobs[i] = s->jobs[--s->job_count];
		verdict(s, &job);
	}
}
