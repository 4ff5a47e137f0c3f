#include "planner_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"

/* Few, so that the order of answers matters; all are pending at the same time. */
#define UNDER_WAY 512

size_t planner_world_path(struct planner_world *w, const char *name, size_t len)
{
	struct planner_world_path *p;

	for (size_t i = 0; i < w->count; i++)
		if (strlen(w->paths[i].name) == len &&
		    memcmp(w->paths[i].name, name, len) == 0)
			return i;
	assert_true(w->count < WORLD_PATHS && len < sizeof(p->name));
	p = &w->paths[w->count];
	memcpy(p->name, name, len);
	return w->count++;
}

void planner_world_storepath(const struct planner_world *w, size_t i,
			     struct nf_storepath *ret)
{
	struct nf_slice name = nf_slice_str(w->paths[i].name);
	struct nf_hash hash;

	hash_bytes(&hash, NF_SHA256, name.ptr, name.len);
	assert_int_equal(nf_storepath_make(ret, "source", &hash, name, NULL), 0);
}

static size_t planner_world_find(const struct planner_world *w, struct nf_slice base)
{
	struct nf_storepath sp;

	for (size_t i = 0; i < w->count; i++) {
		planner_world_storepath(w, i, &sp);
		if (nf_slice_eq(nf_storepath_base(&sp), base))
			return i;
	}
	fail_msg("a path that is not of this world: %.*s", NF_SLICE_ARG(base));
	return 0;
}

const char *planner_world_name(const struct planner_world *w,
			       const struct planner_node *node)
{
	return w->paths[planner_world_find(w, nf_slice_str(node->base))].name;
}

static size_t names_of(const struct planner_world_path *drv, unsigned outputs,
		       struct nf_slice *names)
{
	size_t count = 0;

	for (size_t i = 0; i < drv->noutputs; i++)
		if (outputs & 1U << i)
			names[count++] = nf_slice_str(drv->output_names[i]);
	return count;
}

void planner_world_want(const struct planner_world *w, struct planner *m, size_t drv,
			unsigned outputs)
{
	struct nf_slice names[WORLD_OUTPUTS];
	struct nf_storepath sp;

	planner_world_storepath(w, drv, &sp);
	planner_want_outputs(m, &sp, names, names_of(&w->paths[drv], outputs, names));
}

/* ---- answers ---- */

static void add_path(struct buf *text, const struct planner_world *w, size_t i)
{
	char path[NF_STOREPATH_TEXT_MAX];
	struct nf_storepath sp;

	planner_world_storepath(w, i, &sp);
	buf_addf(text, "\"%s\"", nf_storepath_format(path, &sp));
}

static void add_outputs(struct buf *text, const struct planner_world *w,
			const struct planner_world_path *drv)
{
	for (size_t i = 0; i < drv->noutputs; i++) {
		buf_addf(text, "%s(\"%s\",", i ? "," : "", drv->output_names[i]);
		if (drv->floating)
			buf_add_str(text, "\"\",\"sha256\",\"\")");
		else
			add_path(text, w, drv->outputs[i]);
		if (!drv->floating)
			buf_add_str(text, ",\"\",\"\")");
	}
}

struct sorted_input {
	struct nf_storepath path;
	const struct planner_world_input *input;
};

static int cmp_inputs(const void *a, const void *b)
{
	const struct sorted_input *x = a, *y = b;

	return nf_storepath_cmp(&x->path, &y->path);
}

static void add_inputs(struct buf *text, const struct planner_world *w,
		       const struct planner_world_path *drv)
{
	struct sorted_input sorted[WORLD_LINKS];
	struct nf_slice names[WORLD_OUTPUTS];

	for (size_t i = 0; i < drv->ninputs; i++) {
		sorted[i].input = &drv->inputs[i];
		planner_world_storepath(w, drv->inputs[i].drv, &sorted[i].path);
	}
	if (drv->ninputs)
		qsort(sorted, drv->ninputs, sizeof(sorted[0]), cmp_inputs);
	for (size_t i = 0; i < drv->ninputs; i++) {
		const struct planner_world_input *in = sorted[i].input;
		size_t count = names_of(&w->paths[in->drv], in->outputs, names);

		buf_add_str(text, i ? ",(" : "(");
		add_path(text, w, in->drv);
		buf_add_str(text, ",[");
		for (size_t k = 0; k < count; k++)
			buf_addf(text, "%s\"%.*s\"", k ? "," : "",
				 NF_SLICE_ARG(names[k]));
		buf_add_str(text, "])");
	}
}

static int answer_contents(const struct planner_world *w, struct planner *m, uint32_t id,
			   const struct planner_world_path *drv, struct nf_err *err)
{
	AUTO(nf_derivation_release) struct nf_derivation d = { 0 };
	AUTO_BUF struct buf text = { 0 };

	buf_init(&text, SIZE_MAX);
	buf_add_str(&text, "Derive([");
	add_outputs(&text, w, drv);
	buf_add_str(&text, "],[");
	add_inputs(&text, w, drv);
	buf_addf(&text, "],[],\"\",\"\",[],[%s])",
		 drv->no_substitutes ? "(\"allowSubstitutes\",\"\")" : "");
	if (nf_derivation_parse(&d, buf_slice(&text), err))
		fail_msg("%s\n%s", text.ptr, err->text);
	return planner_contents(m, id, &d, err);
}

static void answer_facts(const struct planner_world *w, struct planner *m, uint32_t id,
			 const struct planner_world_path *p)
{
	struct nf_storepath paths[WORLD_LINKS];
	struct nf_slice refs[WORLD_LINKS];

	if (!p->cached) {
		planner_not_found(m, id);
		return;
	}
	for (size_t i = 0; i < p->nrefs; i++) {
		planner_world_storepath(w, p->refs[i], &paths[i]);
		refs[i] = nf_storepath_base(&paths[i]);
	}
	planner_found(m, id, refs, p->nrefs, p->nar_size, p->download_size);
}

static int answer(const struct planner_world *w, struct planner *m,
		  const struct planner_question *q, struct nf_err *err)
{
	const struct planner_world_path *p = &w->paths[planner_world_find(
		w, nf_slice_str(planner_node(m, q->id)->base))];

	switch (q->ask) {
	case PLANNER_ASK_VALID:
		planner_valid(m, q->id, p->valid);
		break;
	case PLANNER_ASK_CONTENTS:
		return answer_contents(w, m, q->id, p, err);
	case PLANNER_ASK_FACTS:
		answer_facts(w, m, q->id, p);
	}
	return 0;
}

int planner_world_run(const struct planner_world *w, struct planner *m, unsigned seed,
		      struct nf_err *err)
{
	struct planner_question under_way[UNDER_WAY];
	size_t count = 0, next;
	int rc;

	for (;;) {
		while (count < UNDER_WAY && planner_next(m, &under_way[count]))
			count++;
		if (count == 0)
			return planner_finish(m, err);
		next = (size_t)rand_r(&seed) % count;
		rc = answer(w, m, &under_way[next], err);
		if (rc)
			return rc;
		under_way[next] = under_way[--count];
	}
}
