/* The real engine against a simulated network: real lookups, parts, verdicts and pool,
 * virtual time.
 *
 * simfetch [--list] [--random COUNT] [--from SEED] [--trace] [--only NAME]...: runs the
 * scenarios and COUNT random worlds, prints what each gave, and "ok" or "not ok".
 * world-SEED and bulk-SEED are scenarios, too. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plural.h"
#include "bulk_run.h"
#include "fetch_scenarios.h"
#include "world_run.h"

#define RANDOM_NAME  "world-"
#define BULK_NAME    "bulk-"
#define RANDOM_COUNT 200

static const struct fetch_scenario *const fetch_scenarios[] = {
	content_scenarios,
	outage_scenarios,
};

struct options {
	bool list, trace;
	const char *only;
	unsigned random, from;
};

struct sums {
	unsigned infos, nars;
	uint64_t bytes, files;
};

static struct sums add_up(const struct world_run *r)
{
	const struct fetch_world *w = r->world;
	struct sums s = { 0 };

	for (size_t p = 0; p < w->path_count; p++)
		for (size_t c = 0; c < w->cache_count; c++) {
			const struct net_counts *n = net_counts(r->net, c, p);

			s.infos += n->infos;
			s.nars += n->nars;
			s.bytes += n->nar_bytes;
		}
	for (size_t p = 0; p < w->path_count; p++)
		if (r->came[p])
			s.files += world_file_size(w, 0, p);
	return s;
}

static uint32_t accused(const struct world_run *r)
{
	uint32_t set = 0;

	for (size_t i = 0; i < r->world->cache_count; i++)
		set |= world_run_accused(r, i) ? CACHE_BIT(i) : 0;
	return set;
}

static size_t count_accusations(const struct world_run *r)
{
	size_t count = 0;

	for (size_t i = 0; i < r->world->cache_count; i++)
		count += r->result.caches[i].net.failures[TRANSFER_FAILED_CONTENT];
	return count;
}

static uint32_t left_out(const struct world_run *r)
{
	uint32_t set = 0;

	for (size_t i = 0; i < r->world->cache_count; i++)
		set |= r->result.caches[i].left_out ? CACHE_BIT(i) : 0;
	return set;
}

static void judge(const struct fetch_scenario *s, struct world_run *r,
		  const struct sums *n)
{
	uint64_t vain = n->bytes > n->files ? n->bytes - n->files : 0;
	double ms = net_now(r->net);

	world_judge(r);
	if (-r->rc != s->code)
		world_run_broken(r, "%s, not %s: %s", nf_error_name(r->rc),
				 nf_error_name(s->code), r->rc ? r->err.text : "");
	if (r->came_count != s->came)
		world_run_broken(r, "%zu paths came, not %zu", r->came_count, s->came);
	if (accused(r) != s->accused)
		world_run_broken(r, "caches %#x are accused, not %#x", accused(r),
				 s->accused);
	if (s->accusations && count_accusations(r) > s->accusations)
		world_run_broken(r, "there are %zu accusations", count_accusations(r));
	if (left_out(r) != s->left_out)
		world_run_broken(r, "caches %#x are left out, not %#x", left_out(r),
				 s->left_out);
	if (n->infos > s->infos || n->nars > s->nars)
		world_run_broken(r,
				 "%u narinfos and %u NARs are asked for, not %u and %u",
				 n->infos, n->nars, s->infos, s->nars);
	if (r->came_count && (double)vain > s->twice / 100 * (double)n->files)
		world_run_broken(r, "too much came in vain");
	if (ms < s->least_ms || (s->most_ms > 0 && ms > s->most_ms))
		world_run_broken(r, "it takes %.1f s", ms / 1000);
}

static bool run_scenario(const struct fetch_scenario *s, const struct goods_keys *k,
			 const struct options *o)
{
	struct fetch_world w;
	struct world_run r;
	struct sums n;
	bool ok;

	s->make(&w, k);
	world_run(&r, &w, k, o->trace);
	n = add_up(&r);
	judge(s, &r, &n);
	ok = !r.failure[0];
	printf("%s %-26s %7.1f s, %zu of %zu came, %u narinfos, %u NARs, %.1f %% of the "
	       "bytes, accused %#x, left out %#x%s%s\n",
	       ok ? "ok" : "not ok", s->name, net_now(r.net) / 1000, r.came_count,
	       w.path_count, n.infos, n.nars,
	       100.0 * (double)n.bytes / (double)(n.files + 1), accused(&r), left_out(&r),
	       ok ? "" : ": ", r.failure);
	world_run_release(&r);
	world_release(&w);
	return ok;
}

static bool run_random(uint32_t seed, bool is_bulk, const struct goods_keys *k,
		       const struct options *o)
{
	const char *name = is_bulk ? BULK_NAME : RANDOM_NAME;
	struct fetch_world w;
	struct world_run r;
	bool ok;

	world_random(&w, k, seed, is_bulk);
	world_run(&r, &w, k, o->trace);
	world_judge(&r);
	ok = !r.failure[0];
	if (!ok)
		printf("not ok %s%u: %s; to see it: simfetch --trace --only %s%u\n", name,
		       seed, r.failure, name, seed);
	world_run_release(&r);
	world_release(&w);
	return ok;
}

static bool run_randoms(const struct goods_keys *k, const struct options *o)
{
	unsigned bad = 0;

	for (uint32_t i = 0; i < o->random; i++)
		bad += !run_random(o->from + i, false, k, o);
	for (uint32_t i = 0; i < o->random / 2; i++)
		bad += !run_random(o->from + i, true, k, o);
	if (!bad)
		printf("ok %u random worlds, and %u of bulk\n", o->random, o->random / 2);
	return bad == 0;
}

/* The seed at the end of a name like PREFIX-SEED. */
static bool read_seed(const char *name, const char *prefix, uint32_t *ret)
{
	size_t len = strlen(prefix);

	*ret = (uint32_t)strtoul(name + strnlen(name, len), NULL, 10);
	return strncmp(name, prefix, len) == 0;
}

static bool run_only(const struct goods_keys *k, const struct options *o)
{
	bool ok = false;
	uint32_t seed;

	if (read_seed(o->only, RANDOM_NAME, &seed) ||
	    read_seed(o->only, BULK_NAME, &seed)) {
		ok = run_random(seed, o->only[0] == BULK_NAME[0], k, o);
		if (ok)
			printf("ok %s\n", o->only);
		return ok;
	}
	for (size_t i = 0; i < ARRAY_SIZE(fetch_scenarios); i++)
		for (const struct fetch_scenario *s = fetch_scenarios[i]; s->name; s++)
			if (strcmp(s->name, o->only) == 0)
				ok = run_scenario(s, k, o);
	for (size_t i = 0; i < bulk_scenario_count; i++)
		if (strcmp(bulk_scenarios[i].name, o->only) == 0)
			ok = bulk_run(&bulk_scenarios[i], k, o->trace);
	return ok;
}

static bool run_all(const struct goods_keys *k, const struct options *o)
{
	bool ok = true;

	for (size_t i = 0; i < ARRAY_SIZE(fetch_scenarios); i++)
		for (const struct fetch_scenario *s = fetch_scenarios[i]; s->name; s++) {
			if (o->list)
				puts(s->name);
			else
				ok &= run_scenario(s, k, o);
		}
	for (size_t i = 0; i < bulk_scenario_count; i++) {
		if (o->list)
			puts(bulk_scenarios[i].name);
		else
			ok &= bulk_run(&bulk_scenarios[i], k, o->trace);
	}
	if (o->random && !o->list)
		ok &= run_randoms(k, o);
	return ok;
}

int main(int argc, char **argv)
{
	static const struct option table[] = {
		{ "list", no_argument, NULL, 'l' },
		{ "trace", no_argument, NULL, 't' },
		{ "only", required_argument, NULL, 'o' },
		{ "random", required_argument, NULL, 'r' },
		{ "from", required_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = { .random = RANDOM_COUNT };
	struct goods_keys keys;
	bool ok;
	int c;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == '?')
			return 2;
		o.list |= c == 'l';
		o.trace |= c == 't';
		if (c == 'o')
			o.only = optarg;
		if (c == 'r')
			o.random = (unsigned)strtoul(optarg, NULL, 10);
		if (c == 'f')
			o.from = (unsigned)strtoul(optarg, NULL, 10);
	}
	goods_keys_make(&keys);
	ok = o.only ? run_only(&keys, &o) : run_all(&keys, &o);
	goods_keys_release(&keys);
	return ok ? 0 : 1;
}
