/* sim [NAME]: what the dispatcher costs with thousands of caches and hundreds of
 * thousands of files, and how near it comes to what no client can beat. Nothing fails
 * here: an order is obeyed, its bytes come as fast as bandwidth allows, and that is told.
 * What happens when something does fail, the whole engine shows in tests/simfetch. */
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../simfetch/share.h"
#include "base/mem.h"
#include "dispatch/dispatch.h"

#define KB	1000.0
#define MB	1e6
#define MBIT(n) ((n)*125.0) /* bytes per millisecond */
/* Bytes are reported at least this often. */
#define TICK_MS	   100
#define PART_MIN   65536
#define OFFERS_MAX 8
#define OFFERS_ALL 3
#define ROUNDING   0.05

struct load_case {
	const char *name;
	double limit; /* of its time, by the bound */
	double twice; /* percent of the bytes that may be wasted */
	unsigned slots;
	double link;
	/* Random caches, or each of RATES. */
	size_t caches;
	double rate_least, rate_most, latency_least, latency_most;
	double rates[OFFERS_ALL];
	unsigned spread; /* number of caches that have each file; 0: all */
	size_t files;
};

static const struct load_case cases[] = {
	{ .name = "thousands",
	  .limit = 1.20,
	  .twice = 5,
	  .slots = 64,
	  .link = MBIT(10000),
	  .caches = 2000,
	  .rate_least = MBIT(10),
	  .rate_most = MBIT(1000),
	  .latency_least = 5,
	  .latency_most = 200,
	  .spread = OFFERS_MAX,
	  .files = 200000 },
	{ .name = "three-large",
	  .limit = 1.10,
	  .twice = 2,
	  .slots = 16,
	  .link = SHARE_UNLIMITED,
	  .caches = 3,
	  .latency_least = 20,
	  .rates = { MBIT(1000), MBIT(500), MBIT(100) },
	  .files = 200000 },
	{ .name = "one-large",
	  .limit = 1.05,
	  .slots = 16,
	  .link = SHARE_UNLIMITED,
	  .caches = 1,
	  .latency_least = 20,
	  .rates = { MBIT(1000) },
	  .files = 200000 },
};

struct load_part {
	bool is_busy, flows;
	uint32_t node;
	double due; /* its response head arrives */
	double at, end;
	uint64_t told;
	struct flow flow;
};

struct load {
	const struct load_case *what;
	struct dispatch *dispatch;
	struct share_cache *caches;
	double *latencies;
	uint64_t *sizes;
	struct load_part *parts;
	struct flow **flows;
	uint32_t random;
	double now, told_at;
	int64_t due; /* the dispatcher's number */
	double bytes, size_sum, latency_sum, rate_sum;
	size_t verified, orders, requests, cuts, races;
	int64_t decide_ns;
	const char *failure;
};

static uint32_t any_number(struct load *l)
{
	l->random ^= l->random << 13;
	l->random ^= l->random >> 17;
	l->random ^= l->random << 5;
	return l->random;
}

/* Logarithmic: as many from 1 to 10 as from 10 to 100. */
static double between(struct load *l, double least, double most)
{
	return most > least
		       ? least * pow(most / least, (double)any_number(l) / UINT32_MAX)
		       : least;
}

static int64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Runs a call of the dispatcher and counts its time. */
#define DECIDE(l, call)                                                                  \
	do {                                                                             \
		int64_t began_ = clock_ns();                                             \
		call;                                                                    \
		(l)->decide_ns += clock_ns() - began_;                                   \
	} while (0)

/* ---- the world ---- */

static void add_caches(struct load *l)
{
	const struct load_case *c = l->what;

	for (uint32_t i = 0; i < c->caches; i++) {
		struct dispatch_cache facts = { 0 };

		l->caches[i].rate = c->rate_least > 0
					    ? between(l, c->rate_least, c->rate_most)
					    : c->rates[i];
		l->latencies[i] = between(l, c->latency_least, c->latency_most);
		l->rate_sum += l->caches[i].rate;
		dispatch_set_cache(l->dispatch, i, &facts);
	}
}

static void add_offer(struct load *l, uint32_t node, uint32_t cache, double *latency)
{
	const struct dispatch_offer s = { cache, l->sizes[node], node + 1 };

	*latency = fmin(*latency, l->latencies[cache]);
	DECIDE(l, dispatch_add_offer(l->dispatch, node, &s));
}

static void add_file(struct load *l, uint32_t node)
{
	double size = between(l, 2 * KB, 20 * MB), latency = INFINITY;
	unsigned count = l->what->spread ? l->what->spread : (unsigned)l->what->caches;

	l->sizes[node] = (uint64_t)size;
	DECIDE(l, dispatch_want(l->dispatch, node, 4 * l->sizes[node]));
	for (uint32_t i = 0; i < count; i++)
		add_offer(l, node,
			  l->what->spread ? any_number(l) % (uint32_t)l->what->caches : i,
			  &latency);
	DECIDE(l, dispatch_closed(l->dispatch, node));
	l->size_sum += size;
	l->latency_sum += latency;
}

static double bound_ms(const struct load *l)
{
	double rate = fmin(l->rate_sum, l->what->link);

	return fmax(l->size_sum / rate, l->latency_sum / l->what->slots);
}

/* ---- orders ---- */

static void start_part(struct load *l, const struct dispatch_order *o)
{
	struct load_part *p = &l->parts[o->part];
	uint64_t size = l->sizes[o->node];

	if (o->cut != DISPATCH_NONE)
		l->parts[o->cut].end = (double)o->from;
	l->requests++;
	l->cuts += o->cut != DISPATCH_NONE;
	l->races += o->is_race;
	*p = (struct load_part){
		.is_busy = true,
		.node = o->node,
		.due = l->now + l->latencies[o->cache],
		.at = (double)o->from,
		.end = (double)(o->end < size ? o->end : size),
		.told = o->from,
		.flow = { .cache = o->cache, .is_linked = true, .cap = SHARE_UNLIMITED },
	};
}

static void follow_orders(struct load *l)
{
	struct dispatch_order o;

	while (!l->failure) {
		DECIDE(l, dispatch_next(l->dispatch, (int64_t)l->now, &o));
		if (o.act == DISPATCH_WAIT)
			break;
		l->orders++;
		if (o.act == DISPATCH_START)
			start_part(l, &o);
		else if (o.act == DISPATCH_CANCEL)
			l->parts[o.part].is_busy = false;
		else
			l->failure = "a file is given up";
	}
	l->due = o.due;
}

/* ---- events ---- */

static void tell_bytes(struct load *l, uint32_t part)
{
	struct load_part *p = &l->parts[part];
	uint64_t at = (uint64_t)(p->at >= p->end - ROUNDING ? p->end : p->at);

	if (at <= p->told)
		return;
	l->bytes += (double)(at - p->told);
	DECIDE(l, dispatch_part_bytes(l->dispatch, part, at - p->told, (int64_t)l->now));
	p->told = at;
}

static void end_part(struct load *l, uint32_t part)
{
	uint32_t node = l->parts[part].node;
	int64_t now = (int64_t)l->now;
	bool is_whole;

	tell_bytes(l, part);
	l->parts[part].is_busy = false;
	DECIDE(l, dispatch_part_end(l->dispatch, part, DISPATCH_CAME, 0, now));
	DECIDE(l, is_whole = dispatch_is_whole(l->dispatch, node));
	if (!is_whole)
		return;
	DECIDE(l, dispatch_verified(l->dispatch, node));
	l->verified++;
}

static void begin_flow(struct load *l, uint32_t part)
{
	struct load_part *p = &l->parts[part];
	uint64_t from, end;

	DECIDE(l, dispatch_part_head(l->dispatch, part, l->sizes[p->node], true,
				     (int64_t)l->now));
	dispatch_part_range(l->dispatch, part, &from, &end);
	p->end = (double)end;
	p->flows = true;
}

static void take_events(struct load *l)
{
	bool tells = l->now >= l->told_at + TICK_MS;

	for (uint32_t i = 0; i < l->what->slots; i++) {
		struct load_part *p = &l->parts[i];

		if (p->is_busy && !p->flows && p->due <= l->now)
			begin_flow(l, i);
		else if (p->is_busy && p->flows && p->at >= p->end - ROUNDING)
			end_part(l, i);
		else if (p->is_busy && p->flows && tells)
			tell_bytes(l, i);
	}
	if (tells)
		l->told_at = l->now;
}

/* ---- the clock ---- */

static double next_ms(struct load *l)
{
	double next = fmin(l->told_at + TICK_MS,
			   l->due == DISPATCH_NEVER ? INFINITY : (double)l->due);
	size_t count = 0;

	for (uint32_t i = 0; i < l->what->slots; i++)
		if (l->parts[i].is_busy && l->parts[i].flows)
			l->flows[count++] = &l->parts[i].flow;
	share(l->flows, count, l->caches, l->what->link);
	for (uint32_t i = 0; i < l->what->slots; i++) {
		const struct load_part *p = &l->parts[i];

		if (p->is_busy && !p->flows)
			next = fmin(next, p->due);
		else if (p->is_busy)
			next = fmin(next, l->now + (p->end - p->at) / p->flow.rate);
	}
	return fmax(next, l->now);
}

static void move_to(struct load *l, double next)
{
	for (uint32_t i = 0; i < l->what->slots; i++)
		if (l->parts[i].is_busy && l->parts[i].flows)
			l->parts[i].at += l->parts[i].flow.rate * (next - l->now);
	l->now = next;
}

static size_t memory_in_use(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void judge_load(struct load *l, double vain)
{
	if (l->now < 0.999 * bound_ms(l))
		l->failure = "that is faster than can be";
	else if (l->now > l->what->limit * bound_ms(l))
		l->failure = "it takes too long";
	else if (vain > l->what->twice)
		l->failure = "too much came in vain";
	else if (dispatch_waiting(l->dispatch))
		l->failure = "files wait in the end";
}

static bool run_case(const struct load_case *c)
{
	const struct dispatch_options o = { .slots = c->slots,
					    .slots_per_cache = c->slots,
					    .local_slots = 4,
					    .part_min = PART_MIN };
	AUTO_FREE struct share_cache *caches = mem_calloc(c->caches, sizeof(*caches));
	AUTO_FREE double *latencies = mem_calloc(c->caches, sizeof(*latencies));
	AUTO_FREE uint64_t *sizes = mem_calloc(c->files, sizeof(*sizes));
	AUTO_FREE struct load_part *parts = mem_calloc(c->slots, sizeof(*parts));
	AUTO_FREE struct flow **flows = mem_calloc(c->slots, sizeof(struct flow *));
	struct load l = { .what = c,
			  .caches = caches,
			  .latencies = latencies,
			  .sizes = sizes,
			  .parts = parts,
			  .flows = flows,
			  .random = 1 };
	AUTO(dispatch_freep) struct dispatch *d = NULL;
	int64_t began = clock_ns();
	size_t memory = memory_in_use();
	double told_s, vain;

	d = l.dispatch = dispatch_new(&o);
	add_caches(&l);
	for (uint32_t i = 0; i < c->files; i++)
		add_file(&l, i);
	memory = memory_in_use() - memory;
	told_s = (double)l.decide_ns / 1e9;
	l.decide_ns = 0;
	while (l.verified < c->files && !l.failure) {
		follow_orders(&l);
		move_to(&l, next_ms(&l));
		take_events(&l);
	}
	vain = 100 * fmax(0, l.bytes - l.size_sum) / l.size_sum;
	judge_load(&l, vain);
	printf("%s %-12s %8.2f s, bound %8.2f s, ratio %5.3f, twice %5.2f %%, "
	       "%zu requests, %zu cuts, %zu races, %.0f ns/order, told in %.2f s, "
	       "decided in %.2f s, simulated in %.2f s, %.1f MB%s%s\n",
	       l.failure ? "not ok" : "ok", c->name, l.now / 1000, bound_ms(&l) / 1000,
	       l.now / bound_ms(&l), vain, l.requests, l.cuts, l.races,
	       (double)l.decide_ns / (double)l.orders, told_s, (double)l.decide_ns / 1e9,
	       (double)(clock_ns() - began) / 1e9, (double)memory / 1e6,
	       l.failure ? ": " : "", l.failure ? l.failure : "");
	fflush(stdout);
	return !l.failure;
}

int main(int argc, char **argv)
{
	bool ok = true;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (argc < 2 || strcmp(argv[1], cases[i].name) == 0)
			ok &= run_case(&cases[i]);
	return ok ? 0 : 1;
}
