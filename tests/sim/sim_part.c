#include <math.h>

#include "base/mem.h"
#include "sim_state.h"

/* Less than this of a byte is nothing. */
#define ROUNDING 0.05

static const struct sim_cache *cache_of(const struct sim *s, const struct part *p)
{
	return &s->world->caches[p->cache];
}

static const struct sim_source *source_of(const struct sim *s, const struct part *p)
{
	return &s->world->sources[p->source];
}

/* ---- failures ---- */

static void on_failure(struct sim *s, struct part *p, bool connected, long status)
{
	int retry_after = status == 503 ? cache_of(s, p)->retry_after_s : 0;
	const struct retry_failure f = {
		.attempt = dispatch_part_attempts(s->dispatch, p->number) + 1,
		.status = status,
		.retry_after_s = retry_after ? retry_after : -1,
	};
	int64_t wait;

	DECIDE(s, wait = patience_delay_ms(&s->patience, sim_now(s), &f, sim_random(s)));
	sim_health(s, p->cache, connected ? HEALTH_BROKEN : HEALTH_UNREACHABLE);
	if (wait < 0)
		sim_source_dead(s, p->source);
	sim_part_over(s, p, DISPATCH_BROKE,
		      wait < 0 ? DISPATCH_NEVER : sim_now(s) + wait);
}

static void refuse(struct sim *s, struct part *p)
{
	sim_source_dead(s, p->source);
	sim_part_over(s, p, DISPATCH_REFUSED, 0);
}

/* ---- asking ---- */

static void wait_for_answer(struct sim *s, struct part *p)
{
	switch (s->caches[p->cache].mode) {
	case SIM_UP:
	case SIM_BUSY:
		p->answer = ANSWER_HEAD;
		p->due = s->now + cache_of(s, p)->latency_ms;
		break;
	case SIM_REFUSING:
		p->answer = ANSWER_REFUSED;
		p->due = s->now + cache_of(s, p)->latency_ms;
		break;
	case SIM_BLACKHOLE:
		p->answer = ANSWER_NO_CONNECTION;
		p->due = s->now + s->world->connect_timeout_ms;
		break;
	case SIM_MUTE:
		p->answer = ANSWER_NOTHING;
		p->due = s->now + s->world->stall_timeout_ms;
		break;
	}
}

static bool is_ranged(const struct part *p)
{
	return p->from || p->asked_end != DISPATCH_TO_END;
}

void sim_part_ask(struct sim *s, struct part *p)
{
	const struct sim_cache *c = cache_of(s, p);

	dispatch_part_range(s->dispatch, p->number, &p->from, &p->end);
	p->told = p->from;
	p->at = (double)p->from;
	if (p->from >= p->end) {
		sim_part_over(s, p, DISPATCH_CAME, 0);
		return;
	}
	s->result->requests++;
	p->asked_end = p->file->known_size && p->end >= p->file->known_size
			       ? DISPATCH_TO_END
			       : p->end;
	p->breaks = sim_chance(s, c->breaks);
	p->stalls = !p->breaks && sim_chance(s, c->stalls);
	p->phase = PHASE_ASKED;
	wait_for_answer(s, p);
}

void sim_part_cut(struct sim *s, struct part *p, uint64_t end)
{
	if (end < p->told || end > p->end)
		sim_fail(s, "part %u, at %llu of %llu, is cut at %llu", p->number,
			 (unsigned long long)p->told, (unsigned long long)p->end,
			 (unsigned long long)end);
	p->end = end;
	p->is_cut = true;
	if (p->phase == PHASE_ASKED)
		return;
	sim_part_tell(s, p);
}

void sim_part_mode(struct sim *s, struct part *p)
{
	enum sim_mode mode = s->caches[p->cache].mode;
	bool is_silent = mode == SIM_BLACKHOLE || mode == SIM_MUTE;

	if (p->is_local)
		return;
	if (p->phase == PHASE_ASKED) {
		wait_for_answer(s, p);
	} else if (mode == SIM_REFUSING && p->phase != PHASE_STOPPED) {
		on_failure(s, p, true, 0);
	} else if (is_silent && p->phase == PHASE_FLOWS) {
		sim_part_still(s, p, PHASE_SILENT);
	} else if (!is_silent && p->phase == PHASE_SILENT && !p->stalls) {
		p->phase = PHASE_FLOWS;
		s->is_reshare_due = true;
	}
}

/* ---- the answer ---- */

static void begin_flow(struct sim *s, struct part *p)
{
	double stops_at = p->asked_end == DISPATCH_TO_END ? (double)p->file->size
							  : (double)p->asked_end;

	p->stops_at = stops_at;
	if (p->breaks || p->stalls)
		p->stops_at = (double)p->from +
			      (stops_at - (double)p->from) * sim_random(s) / UINT32_MAX;
	p->phase = PHASE_FLOWS;
	s->is_reshare_due = true;
}

static void take_head(struct sim *s, struct part *p)
{
	const struct sim_source *source = source_of(s, p);
	const struct sim_cache *c = cache_of(s, p);
	uint64_t size = source->faults & SIM_LENGTHLESS ? 0 : p->file->size, from;

	DECIDE(s, dispatch_part_head(s->dispatch, p->number, size, !c->no_range,
				     sim_now(s)));
	dispatch_part_range(s->dispatch, p->number, &from, &p->end);
	if (size)
		p->file->known_size = size;
	begin_flow(s, p);
}

static void on_head(struct sim *s, struct part *p)
{
	const struct sim_source *source = source_of(s, p);
	const struct sim_cache *c = cache_of(s, p);

	if (s->caches[p->cache].mode == SIM_BUSY || sim_chance(s, c->errors)) {
		on_failure(s, p, true, 503);
	} else if (source->faults & SIM_ABSENT) {
		refuse(s, p);
	} else if (source->faults & SIM_MISTELLS) {
		sim_health(s, p->cache, HEALTH_LIED);
		refuse(s, p);
	} else if (c->no_range && is_ranged(p)) {
		sim_part_over(s, p, DISPATCH_NO_RANGE, 0);
	} else {
		take_head(s, p);
	}
}

static void on_answer(struct sim *s, struct part *p)
{
	switch (p->answer) {
	case ANSWER_HEAD:
		on_head(s, p);
		break;
	case ANSWER_REFUSED:
	case ANSWER_NO_CONNECTION:
		on_failure(s, p, false, 0);
		break;
	case ANSWER_NOTHING:
		on_failure(s, p, true, 0);
		break;
	}
}

/* ---- the body ---- */

/* Where its way ends: at a cut, or where the server's bytes do. */
static double target(const struct part *p)
{
	if (p->end != DISPATCH_TO_END && (double)p->end < p->stops_at)
		return (double)p->end;
	return p->stops_at;
}

static bool has_arrived(const struct part *p)
{
	return p->phase == PHASE_FLOWS && p->at >= target(p) - ROUNDING;
}

void sim_part_tell(struct sim *s, struct part *p)
{
	uint64_t at;

	if (p->phase != PHASE_FLOWS || p->is_local)
		return;
	at = (uint64_t)(has_arrived(p) ? target(p) : p->at);
	if (at > p->end)
		at = p->end;
	if (at <= p->told)
		return;
	sim_write(s, p, at);
	dispatch_part_bytes(s->dispatch, p->number, at - p->told, sim_now(s));
	patience_progress(&s->patience, sim_now(s));
	p->told = at;
}

static void on_body_end(struct sim *s, struct part *p)
{
	if (p->is_local) {
		sim_local_over(s, p);
	} else if (p->end != DISPATCH_TO_END && p->told == p->end) {
		if (!p->is_cut && p->asked_end == DISPATCH_TO_END &&
		    p->end < p->file->size)
			sim_fail(s, "part %u ends at %llu, and was not cut", p->number,
				 (unsigned long long)p->end);
		sim_health(s, p->cache, HEALTH_OK);
		sim_part_over(s, p, DISPATCH_CAME, 0);
	} else if (p->stalls) {
		sim_part_still(s, p, PHASE_SILENT);
	} else if (p->breaks || p->end != DISPATCH_TO_END) {
		on_failure(s, p, true, 0);
	} else {
		sim_health(s, p->cache, HEALTH_OK);
		sim_part_over(s, p, DISPATCH_CAME, 0);
	}
}

void sim_part_turn(struct sim *s, struct part *p)
{
	if (has_arrived(p))
		on_body_end(s, p);
	else if (p->phase == PHASE_ASKED && p->due <= s->now)
		on_answer(s, p);
	else if (p->phase == PHASE_SILENT && p->due <= s->now)
		on_failure(s, p, true, 0);
}

double sim_part_due(const struct sim *s, const struct part *p)
{
	switch (p->phase) {
	case PHASE_ASKED:
	case PHASE_SILENT:
		return p->due;
	case PHASE_FLOWS:
		if (has_arrived(p))
			return s->now;
		return p->flow.rate > 0 ? s->now + (target(p) - p->at) / p->flow.rate
					: INFINITY;
	case PHASE_FREE:
	case PHASE_STOPPED:
		break;
	}
	return INFINITY;
}

void sim_part_still(struct sim *s, struct part *p, enum phase phase)
{
	p->phase = phase;
	p->due = s->now + s->world->stall_timeout_ms;
	p->flow.rate = 0;
	s->is_reshare_due = true;
}

void sim_part_free(struct sim *s, struct part *p)
{
	s->active[p->is_local]--;
	s->caches[p->cache].parts--;
	s->is_reshare_due = true;
	*p = (struct part){ 0 };
}
