/* sim [--list] [--large] [--random COUNT] [--trace] [--only NAME]...: runs the
 * scenarios, prints what each gave, and "ok" or "not ok". random-SEED is a scenario, too.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios.h"

#define SEED	     1
#define RANDOM_NAME  "random-"
#define RANDOM_COUNT 400
/* Of the bound; it is computed with fractions. */
#define FASTEST 0.999

struct options {
	bool list, large, trace;
	const char *only;
	unsigned random;
};

static const char *judge(const struct scenario *s, const struct sim_result *r,
			 double ratio)
{
	if (r->failure[0])
		return r->failure;
	if (s->limit > 0 && ratio < FASTEST)
		return "that is faster than can be";
	if (s->limit > 0 && ratio > s->limit)
		return "it takes too long";
	if ((double)r->twice > s->twice / 100 * (double)(r->file_bytes + r->local_bytes))
		return "too much came in vain";
	if (s->requests && r->requests > s->requests)
		return "too much was asked for";
	return r->given_up == s->given_up ? NULL : "another number of nodes is given up";
}

static void print_numbers(const struct sim_result *r, double bound)
{
	printf("%8.2f s, bound %8.2f s, ratio %5.3f, twice %5.2f %%, %zu requests, "
	       "%zu cuts, %zu races, %.0f ns/order",
	       r->makespan_ms / 1000, bound / 1000, r->makespan_ms / bound,
	       100.0 * (double)r->twice / (double)(r->file_bytes + r->local_bytes + 1),
	       r->requests, r->cuts, r->races,
	       r->orders ? r->decide_s * 1e9 / (double)r->orders : 0);
}

static void print_cost(const struct sim_result *r)
{
	printf(", told in %.2f s, decided in %.2f s, simulated in %.2f s, %.1f MB",
	       r->tell_s, r->decide_s, r->wall_s, (double)r->memory / 1e6);
}

static bool run_scenario(const struct scenario *s, const struct options *o)
{
	struct sim_world w;
	struct sim_result r;
	const char *why;
	double bound;

	world_make(&w, &s->plan, SEED);
	bound = sim_bound(&w);
	sim_run(&w, o->trace, &r);
	world_release(&w);
	why = judge(s, &r, r.makespan_ms / bound);
	printf("%s %-24s ", why ? "not ok" : "ok", s->name);
	print_numbers(&r, bound);
	if (s->is_large)
		print_cost(&r);
	if (why)
		printf(" (limit %.2f): %s", s->limit, why);
	putchar('\n');
	fflush(stdout);
	return !why;
}

static const char *judge_random(const struct sim_result *r, double bound)
{
	if (r->failure[0])
		return r->failure;
	/* What nobody can bring is not waited for. */
	if (r->given_up == 0 && r->makespan_ms < bound * FASTEST)
		return "that is faster than can be";
	return NULL;
}

static bool run_random(uint32_t seed, const struct options *o)
{
	struct sim_world w;
	struct sim_result r;
	const char *why;

	world_random(&w, seed);
	sim_run(&w, o->trace, &r);
	why = judge_random(&r, sim_bound(&w));
	world_release(&w);
	if (why)
		printf("not ok %s%u: %s\n", RANDOM_NAME, seed, why);
	return !why;
}

static bool run_randoms(const struct options *o)
{
	unsigned bad = 0;

	for (uint32_t seed = 0; seed < o->random; seed++)
		bad += !run_random(seed, o);
	if (!bad)
		printf("ok %u random worlds\n", o->random);
	return bad == 0;
}

static bool is_meant(const struct scenario *s, const struct options *o)
{
	if (o->only)
		return strcmp(s->name, o->only) == 0;
	return s->is_large == o->large;
}

static bool run_all(const struct options *o)
{
	size_t random = strlen(RANDOM_NAME);
	bool ok = true;

	if (o->only && strncmp(o->only, RANDOM_NAME, random) == 0) {
		ok = run_random((uint32_t)strtoul(o->only + random, NULL, 10), o);
		if (ok)
			printf("ok %s\n", o->only);
		return ok;
	}
	for (size_t i = 0; i < scenario_count; i++) {
		if (o->list)
			puts(scenarios[i].name);
		else if (is_meant(&scenarios[i], o))
			ok &= run_scenario(&scenarios[i], o);
	}
	if (o->random && !o->list && !o->only && !o->large)
		ok &= run_randoms(o);
	return ok;
}

int main(int argc, char **argv)
{
	static const struct option table[] = {
		{ "list", no_argument, NULL, 'l' },
		{ "large", no_argument, NULL, 'L' },
		{ "trace", no_argument, NULL, 't' },
		{ "only", required_argument, NULL, 'o' },
		{ "random", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = { .random = RANDOM_COUNT };
	int c;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == '?')
			return 2;
		o.list |= c == 'l';
		o.large |= c == 'L';
		o.trace |= c == 't';
		if (c == 'o')
			o.only = optarg;
		if (c == 'r')
			o.random = (unsigned)strtoul(optarg, NULL, 10);
	}
	return run_all(&o) ? 0 : 1;
}
