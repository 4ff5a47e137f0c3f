#include "bulk_run.h"

#include <stdio.h>

#include "bound.h"
#include "bulk.h"
#include "world_run.h"

/* Of the bound, which is computed with fractions. */
#define FASTEST 0.999

struct bulk_sums {
	double seconds, bound;
	unsigned requests, infos;
	uint64_t bytes;	 /* that arrived over the network */
	uint64_t needed; /* of these */
	uint64_t files;	 /* of all that arrived */
};

static struct bulk_sums add_up(const struct world_run *r)
{
	const struct fetch_world *w = r->world;
	struct bulk_sums s = { .seconds = net_now(r->net) / 1000,
			       .bound = bound_ms(w) / 1000 };

	for (size_t p = 0; p < w->path_count; p++) {
		s.files += bulk_came(p);
		for (size_t c = 0; c < w->cache_count; c++) {
			const struct net_counts *n = net_counts(r->net, c, p);

			s.requests += n->nars_asked;
			s.infos += n->infos;
			s.bytes += n->nar_bytes;
		}
	}
	s.needed = s.files - bulk_came_here();
	for (size_t p = 0; p < w->path_count; p++)
		if (bulk_came(p) && !w->paths[p].is_spoilt)
			s.needed -= w->paths[p].present;
	return s;
}

static uint64_t vain(const struct bulk_sums *n)
{
	return n->bytes > n->needed ? n->bytes - n->needed : 0;
}

static void judge_bulk(const struct bulk_scenario *s, struct world_run *r,
		       const struct bulk_sums *n)
{
	size_t given_up = r->world->path_count - r->came_count;

	world_judge(r);
	if (-r->rc != s->code)
		world_run_broken(r, "%s, not %s: %s", nf_error_name(r->rc),
				 nf_error_name(s->code), r->rc ? r->err.text : "");
	if (s->limit > 0 && n->seconds < FASTEST * n->bound)
		world_run_broken(r, "that is faster than can be");
	if (s->limit > 0 && n->seconds > s->limit * n->bound)
		world_run_broken(r, "it takes too long");
	if (s->most_s > 0 && n->seconds > s->most_s)
		world_run_broken(r, "it takes more than %.2f s", s->most_s);
	if ((double)vain(n) > s->twice / 100 * (double)n->files)
		world_run_broken(r, "too much came in vain");
	if (s->requests && n->requests > s->requests)
		world_run_broken(r, "too much was asked for");
	if (given_up != s->given_up)
		world_run_broken(r, "%zu paths are given up, not %zu", given_up,
				 s->given_up);
}

bool bulk_run(const struct bulk_scenario *s, const struct goods_keys *k, bool trace)
{
	struct fetch_world w;
	struct world_run r;
	struct bulk_sums n;
	bool ok;

	bulk_plan_make(&s->plan, &w, k);
	world_run(&r, &w, k, trace);
	n = add_up(&r);
	judge_bulk(s, &r, &n);
	ok = !r.failure[0];
	printf("%s %-24s %8.2f s, bound %8.2f s, ratio %5.3f, in vain %5.2f %%, "
	       "%u narinfos, %u requests",
	       ok ? "ok" : "not ok", s->name, n.seconds, n.bound, n.seconds / n.bound,
	       100.0 * (double)vain(&n) / (double)(n.files + 1), n.infos, n.requests);
	if (!ok)
		printf(" (limit %.2f): %s", s->limit, r.failure);
	putchar('\n');
	fflush(stdout);
	world_run_release(&r);
	world_release(&w);
	return ok;
}
