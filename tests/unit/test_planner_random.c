/* The planner: random worlds, compared with the simplest way to compute the result, and
 * large ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"
#include "planner_world.h"

struct verdict {
	bool build, substitute, unknown;
};

struct reference {
	const struct planner_world *w;
	bool always_substitute;
	bool path_done[WORLD_PATHS];
	bool outputs_done[WORLD_PATHS][1 << WORLD_OUTPUTS];
	struct verdict verdicts[WORLD_PATHS];
	uint64_t nar_size, download_size;
};

static void reference_path(struct reference *x, size_t i)
{
	const struct planner_world_path *p = &x->w->paths[i];

	if (x->path_done[i])
		return;
	x->path_done[i] = true;
	if (p->valid)
		return;
	if (!p->cached) {
		x->verdicts[i].unknown = true;
		return;
	}
	x->verdicts[i].substitute = true;
	x->nar_size += p->nar_size;
	x->download_size += p->download_size;
	for (size_t k = 0; k < p->nrefs; k++)
		reference_path(x, p->refs[k]);
}

static bool is_wanted(unsigned outputs, size_t i)
{
	return outputs == 0 || outputs & 1U << i;
}

static void reference_outputs(struct reference *x, size_t i, unsigned outputs)
{
	const struct planner_world_path *d = &x->w->paths[i];
	bool all_valid = true, all_cached = true;

	if (x->outputs_done[i][outputs])
		return;
	x->outputs_done[i][outputs] = true;
	if (!d->valid) {
		x->verdicts[i].unknown = true;
		return;
	}
	for (size_t k = 0; k < d->noutputs; k++) {
		const struct planner_world_path *o = &x->w->paths[d->outputs[k]];

		all_valid = all_valid && (!is_wanted(outputs, k) || o->valid);
		all_cached =
			all_cached && (!is_wanted(outputs, k) || o->valid || o->cached);
	}
	if (all_valid && !d->floating)
		return;
	if (all_cached && !d->floating && (!d->no_substitutes || x->always_substitute)) {
		for (size_t k = 0; k < d->noutputs; k++)
			if (is_wanted(outputs, k) && !x->w->paths[d->outputs[k]].valid)
				reference_path(x, d->outputs[k]);
		return;
	}
	x->verdicts[i].build = true;
	for (size_t k = 0; k < d->ninputs; k++)
		if (d->inputs[k].outputs)
			reference_outputs(x, d->inputs[k].drv, d->inputs[k].outputs);
}

static bool chance(unsigned *seed, unsigned percent)
{
	return (unsigned)rand_r(seed) % 100 < percent;
}

static void make_path(struct planner_world *w, const char *kind, size_t n, unsigned *seed)
{
	struct planner_world_path *p;
	char name[32];
	size_t before = w->count, links;

	snprintf(name, sizeof(name), "%zu-%s", n, kind);
	p = &w->paths[planner_world_path(w, name, strlen(name))];
	p->valid = chance(seed, 30);
	p->cached = chance(seed, 60);
	p->nar_size = (uint64_t)rand_r(seed) % 1000;
	p->download_size = (uint64_t)rand_r(seed) % 1000;
	links = (size_t)rand_r(seed) % 4;
	if (chance(seed, 20))
		p->refs[p->nrefs++] = before;
	for (size_t i = 0; before && i < links; i++) {
		size_t ref = (size_t)rand_r(seed) % before;

		if (p->nrefs == 0 || p->refs[p->nrefs - 1] < ref)
			p->refs[p->nrefs++] = ref;
	}
}

static void make_drv(struct planner_world *w, size_t n, const size_t *drvs, size_t ndrvs,
		     unsigned *seed)
{
	static const char *const names[WORLD_OUTPUTS] = { "dev", "doc", "lib", "out" };
	size_t count = 1 + (size_t)rand_r(seed) % WORLD_OUTPUTS;
	struct planner_world_path *d;
	size_t outputs[WORLD_OUTPUTS];

	for (size_t i = 0; i < count; i++) {
		outputs[i] = w->count;
		make_path(w, "output", WORLD_OUTPUTS * n + i, seed);
	}
	d = &w->paths[w->count];
	make_path(w, "d.drv", n, seed);
	d->valid = chance(seed, 95);
	d->noutputs = count;
	memcpy(d->outputs, outputs, sizeof(outputs));
	memcpy(d->output_names, names, sizeof(names));
	d->floating = chance(seed, 5);
	d->no_substitutes = chance(seed, 15);
	for (size_t i = 0; i < ndrvs && d->ninputs < 6; i++) {
		const struct planner_world_path *in = &w->paths[drvs[i]];

		if (chance(seed, 30))
			d->inputs[d->ninputs++] = (struct planner_world_input){
				drvs[i], (unsigned)rand_r(seed) % (1U << in->noutputs)
			};
	}
}

static void make_world(struct planner_world *w, size_t *drvs, size_t *ndrvs,
		       unsigned *seed)
{
	size_t count = 2 + (size_t)rand_r(seed) % 16;

	for (size_t i = 0; i < count; i++)
		make_path(w, "path", i, seed);
	for (*ndrvs = 0; *ndrvs < count; ++*ndrvs) {
		make_drv(w, *ndrvs, drvs, *ndrvs, seed);
		drvs[*ndrvs] = w->count - 1;
	}
}

static void assert_same_verdicts(const struct planner_world *w, const struct planner *m,
				 const struct reference *x)
{
	static const struct planner_node nothing;

	for (size_t i = 0; i < w->count; i++) {
		struct nf_storepath sp;
		const struct planner_node *n;
		uint32_t id;

		planner_world_storepath(w, i, &sp);
		id = planner_find(m, &sp);
		n = id == PLANNER_NONE ? &nothing : planner_node(m, id);
		assert_int_equal(n->build, x->verdicts[i].build);
		assert_int_equal(n->substitute, x->verdicts[i].substitute);
		assert_int_equal(n->unknown, x->verdicts[i].unknown);
		assert_int_equal(n->why != NULL, n->build || n->substitute || n->unknown);
	}
	assert_int_equal(planner_totals(m).nar_size, x->nar_size);
	assert_int_equal(planner_totals(m).download_size, x->download_size);
}

/* Every chain ends in an installable. */
static void assert_chains_end(const struct planner *m)
{
	for (uint32_t id = 0; id < planner_count(m); id++) {
		const struct planner_request *q = planner_node(m, id)->why;
		size_t length = 0;

		if (q)
			assert_int_equal(q->node, id);
		for (; q; q = q->parent)
			assert_true(++length < WORLD_PATHS * WORLD_OUTPUTS);
	}
}

static void assert_in_order(const struct planner *m)
{
	bool built[WORLD_PATHS] = { false };
	size_t count;
	const uint32_t *builds = planner_builds(m, &count);

	for (size_t i = 0; i < count; i++) {
		const struct planner_node *n = planner_node(m, builds[i]);

		assert_true(n->build && !built[builds[i]]);
		for (size_t k = 0; k < n->drv->ninputs; k++) {
			uint32_t in = n->drv->inputs[k].node;

			assert_true(built[in] || !planner_node(m, in)->build);
		}
		built[builds[i]] = true;
	}
}

static void check_world(const struct planner_world *w, const size_t *drvs, size_t ndrvs,
			unsigned seed)
{
	AUTO_FREE struct reference *x = mem_calloc(1, sizeof(*x));
	struct planner_options opts = { .always_substitute = chance(&seed, 20) };
	AUTO(planner_freep) struct planner *m = planner_new(&opts);
	struct nf_storepath sp;
	struct nf_err err;

	*x = (struct reference){ .w = w, .always_substitute = opts.always_substitute };
	for (int i = 0; i < 3; i++) {
		size_t path = (size_t)rand_r(&seed) % w->count;
		size_t drv = drvs[(size_t)rand_r(&seed) % ndrvs];
		unsigned outputs =
			(unsigned)rand_r(&seed) % (1U << w->paths[drv].noutputs);

		planner_world_storepath(w, path, &sp);
		planner_want_path(m, &sp);
		reference_path(x, path);
		planner_world_want(w, m, drv, outputs);
		reference_outputs(x, drv, outputs);
	}
	if (planner_world_run(w, m, seed, &err))
		fail_msg("%s", err.text);
	assert_same_verdicts(w, m, x);
	assert_chains_end(m);
	assert_in_order(m);
}

static void random_worlds_come_out_as_by_recursion(void **state)
{
	AUTO_FREE struct planner_world *w = mem_alloc(sizeof(*w));
	size_t drvs[WORLD_PATHS], ndrvs;

	(void)state;
	for (unsigned i = 1; i <= 400; i++) {
		unsigned seed = i;

		memset(w, 0, sizeof(*w));
		make_world(w, drvs, &ndrvs, &seed);
		for (unsigned k = 0; k < 3; k++)
			check_world(w, drvs, ndrvs, seed + k);
	}
}

/* ---- scale ---- */

#define MANY 200000U

static void nth_path(struct nf_storepath *sp, uint32_t n)
{
	char base[64];

	snprintf(base, sizeof(base), "%032u-a-package-with-a-name-1.2.3", n);
	assert_int_equal(nf_storepath_parse_base(sp, nf_slice_str(base), NULL), 0);
}

/* Node numbers are path numbers: each path refers to the next one and to older ones. */
static void answer_chain(struct planner *m, const struct planner_question *q)
{
	struct nf_storepath paths[10];
	struct nf_slice refs[ARRAY_SIZE(paths)];
	size_t count = 0;

	if (q->ask == PLANNER_ASK_VALID) {
		planner_valid(m, q->id, false);
		return;
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(paths); i++) {
		uint32_t n = i ? q->id - (q->id < 7 * i ? q->id : 7 * i) : q->id + 1;

		if (n >= MANY)
			continue;
		nth_path(&paths[count], n);
		refs[count] = nf_storepath_base(&paths[count]);
		count++;
	}
	planner_found(m, q->id, refs, count, UINT64_MAX / 2, 1);
}

static void a_channel_fits_into_hundreds_of_bytes_a_path(void **state)
{
	AUTO(planner_freep)
	struct planner *m = planner_new(&(struct planner_options){ 0 });
	struct planner_question q;
	struct nf_storepath sp;

	(void)state;
	nth_path(&sp, 0);
	planner_want_path(m, &sp);
	while (planner_next(m, &q))
		answer_chain(m, &q);
	assert_int_equal(planner_finish(m, NULL), 0);
	assert_int_equal(planner_totals(m).substitute, MANY);
	assert_int_equal(planner_totals(m).download_size, MANY);
	/* Not what it overflows to. */
	assert_true(planner_totals(m).nar_size == UINT64_MAX);
	print_message("%zu bytes a path\n", planner_memory(m) / MANY);
	assert_true(planner_memory(m) / MANY < 400);
}

static void nth_drv(struct nf_derivation *d, uint32_t n)
{
	struct nf_err err;
	AUTO_BUF struct buf text = { 0 };

	buf_init(&text, 64 * KIB);
	buf_addf(
		&text,
		"Derive([(\"out\",\"/nix/store/%032u-o\",\"\",\"\")],[(\"/nix/store/%032u-d.drv\",[\"out\"])],[],\"\",\"\",[],[])",
		n, n + 1);
	if (nf_derivation_parse(d, buf_slice(&text), &err))
		fail_msg("%s", err.text);
}

static void chains_of_derivations_need_no_stack(void **state)
{
	AUTO(planner_freep)
	struct planner *m = planner_new(&(struct planner_options){ 0 });
	struct planner_question q;
	struct nf_storepath sp;
	size_t count;

	(void)state;
	assert_int_equal(nf_storepath_parse_base(
				 &sp,
				 NF_SLICE_LIT("00000000000000000000000000000000-d.drv"),
				 NULL),
			 0);
	planner_want_outputs(m, &sp, NULL, 0);
	while (planner_next(m, &q)) {
		AUTO(nf_derivation_release) struct nf_derivation d = { 0 };
		uint32_t n = (uint32_t)strtoul(planner_node(m, q.id)->base, NULL, 10);
		bool is_drv = slice_ends_with(nf_slice_str(planner_node(m, q.id)->base),
					      ".drv");

		if (q.ask == PLANNER_ASK_VALID) {
			planner_valid(m, q.id, is_drv && n < MANY / 4);
		} else if (q.ask == PLANNER_ASK_CONTENTS) {
			nth_drv(&d, n);
			assert_int_equal(planner_contents(m, q.id, &d, NULL), 0);
		} else {
			planner_not_found(m, q.id);
		}
	}
	assert_int_equal(planner_finish(m, NULL), 0);
	(void)!planner_builds(m, &count);
	assert_int_equal(count, MANY / 4);
	assert_int_equal(planner_totals(m).unknown, 1);
	print_message("%zu bytes a derivation\n", planner_memory(m) / count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_worlds_come_out_as_by_recursion),
		cmocka_unit_test(a_channel_fits_into_hundreds_of_bytes_a_path),
		cmocka_unit_test(chains_of_derivations_need_no_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
