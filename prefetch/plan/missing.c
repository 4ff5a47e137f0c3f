#include "plan/missing.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/slice.h"
#include "plan/missing_private.h"

#define ALL "*"

/* What tells requests for outputs apart; without padding. */
struct key {
	uintptr_t id;
	const char *outputs;
};

/* ---- questions and who waits for their answers ---- */

static enum missing_ask ask_of(const struct missing_node *node)
{
	switch (node->state) {
	case MISSING_SEEN:
		return MISSING_ASK_VALID;
	case MISSING_VALID:
		return MISSING_ASK_CONTENTS;
	default:
		assert(node->state == MISSING_ABSENT);
		return MISSING_ASK_FACTS;
	}
}

static void ask(struct missing *m, uint32_t id, struct missing_step *r)
{
	struct missing_node *node = missing_table_at(m, id);
	struct missing_waiter *w = m->free_waiters;

	if (w)
		m->free_waiters = w->next;
	else
		w = arena_alloc(&m->arena, sizeof(*w));
	*w = (struct missing_waiter){ node->waiters, r };
	node->waiters = w;
	r->pending++;
	if (node->is_asked)
		return;
	node->is_asked = true;
	node->next_question = MISSING_NONE;
	if (m->question == MISSING_NONE)
		m->question = id;
	else
		missing_table_at(m, m->last_question)->next_question = id;
	m->last_question = id;
	m->unanswered++;
}

bool missing_next(struct missing *m, struct missing_question *ret)
{
	if (m->failed || m->question == MISSING_NONE)
		return false;
	ret->id = m->question;
	ret->ask = ask_of(missing_table_at(m, ret->id));
	m->question = missing_table_at(m, ret->id)->next_question;
	return true;
}

static void make_ready(struct missing *m, struct missing_step *r)
{
	r->next = NULL;
	*m->ready_end = r;
	m->ready_end = &r->next;
}

static void answered(struct missing *m, struct missing_node *node,
		     enum missing_state state)
{
	struct missing_waiter *next;

	assert(node->is_asked);
	node->is_asked = false;
	node->state = state;
	m->unanswered--;
	for (struct missing_waiter *w = TAKE_PTR(node->waiters); w; w = next) {
		next = w->next;
		if (--w->request->pending == 0)
			make_ready(m, w->request);
		w->next = m->free_waiters;
		m->free_waiters = w;
	}
}

/* ---- requests ---- */

static void add_request(struct missing *m, uint32_t id, const char *outputs,
			const struct missing_request *parent)
{
	struct missing_step *r = arena_calloc(&m->arena, 1, sizeof(*r));

	r->public = (struct missing_request){ id, outputs, parent };
	make_ready(m, r);
}

static void want_path(struct missing *m, uint32_t id,
		      const struct missing_request *parent)
{
	struct missing_node *node = missing_table_at(m, id);

	if (node->is_wanted)
		return;
	node->is_wanted = true;
	add_request(m, id, NULL, parent);
}

static void want_outputs(struct missing *m, uint32_t id, const char *outputs,
			 const struct missing_request *parent)
{
	struct key key = { id, outputs }, *kept;

	if (map_get(&m->by_outputs, nf_slice((const char *)&key, sizeof(key))))
		return;
	kept = arena_alloc(&m->arena, sizeof(*kept));
	*kept = key;
	map_put(&m->by_outputs, nf_slice((const char *)kept, sizeof(*kept)),
		&(bool){ false });
	add_request(m, id, outputs, parent);
}

static void set_why(struct missing_node *node, const struct missing_step *r)
{
	if (!node->why)
		node->why = &r->public;
}

static void be_unknown(struct missing *m, struct missing_node *node,
		       const struct missing_step *r)
{
	set_why(node, r);
	m->totals.unknown += !node->unknown;
	node->unknown = true;
}

static uint64_t add_sizes(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static void substitute(struct missing *m, struct missing_node *node,
		       const struct missing_step *r)
{
	struct missing_totals *t = &m->totals;

	set_why(node, r);
	node->substitute = true;
	t->substitute++;
	t->nar_size = add_sizes(t->nar_size, node->nar_size);
	t->download_size = add_sizes(t->download_size, node->download_size);
	for (uint32_t i = 0; i < node->nrefs; i++)
		want_path(m, node->refs[i], &r->public);
}

static void build(struct missing *m, struct missing_node *node,
		  const struct missing_step *r)
{
	const struct missing_drv *drv = node->drv;

	if (node->build)
		return;
	set_why(node, r);
	node->build = true;
	m->totals.build++;
	for (size_t i = 0; i < drv->ninputs; i++)
		if (drv->inputs[i].outputs)
			want_outputs(m, drv->inputs[i].node, drv->inputs[i].outputs,
				     &r->public);
}

static int no_such_output(const struct missing *m, const struct missing_step *r,
			  struct nf_slice name, struct nf_err *err)
{
	const struct missing_request *parent = r->public.parent;
	const char *base = missing_table_at(m, r->public.node)->base;

	if (!parent)
		return err_set(err, NF_E_MISSING,
			       "'" NF_STORE_DIR "/%s' has no output '%.*s'", base,
			       NF_SLICE_ARG(name));
	return err_set(err, NF_E_FORMAT,
		       "'" NF_STORE_DIR "/%s' needs the output '%.*s' of '" NF_STORE_DIR
		       "/%s', which has none of that name",
		       missing_table_at(m, parent->node)->base, NF_SLICE_ARG(name), base);
}

/* Both lists are sorted. */
static int find_wanted(struct missing *m, struct missing_step *r)
{
	const struct missing_drv *drv = missing_table_at(m, r->public.node)->drv;
	struct nf_slice rest = nf_slice_str(r->public.outputs);
	bool all = nf_slice_is(rest, ALL);
	struct nf_slice name = slice_cut(&rest, ',');

	r->wanted = arena_alloc(&m->arena, drv->noutputs * sizeof(*r->wanted));
	for (size_t i = 0; i < drv->noutputs; i++) {
		if (!all && !nf_slice_is(name, drv->outputs[i].name))
			continue;
		r->wanted[r->nwanted++] = drv->outputs[i].node;
		name = slice_cut(&rest, ',');
	}
	return all || !name.len ? 0 : no_such_output(m, r, name, &m->error);
}

/* Asks about all wanted outputs in that state; true if there are any. */
static bool ask_outputs(struct missing *m, struct missing_step *r,
			enum missing_state state)
{
	for (uint32_t i = 0; i < r->nwanted; i++)
		if (missing_table_at(m, r->wanted[i])->state == state)
			ask(m, r->wanted[i], r);
	return r->pending > 0;
}

/* Marks the wanted outputs that are valid, and counts them. */
static size_t find_here(struct missing *m, const struct missing_step *r)
{
	size_t count = 0;

	for (uint32_t i = 0; i < r->nwanted; i++) {
		struct missing_node *node = missing_table_at(m, r->wanted[i]);

		node->here |= node->state == MISSING_VALID || node->state == MISSING_READ;
		count += node->here;
	}
	return count;
}

static size_t count_outputs(const struct missing *m, const struct missing_step *r,
			    enum missing_state state)
{
	size_t count = 0;

	for (uint32_t i = 0; i < r->nwanted; i++)
		count += missing_table_at(m, r->wanted[i])->state == state;
	return count;
}

static void step_read(struct missing *m, struct missing_step *r,
		      struct missing_node *node)
{
	size_t valid;

	if (!r->wanted)
		m->failed = find_wanted(m, r);
	if (m->failed)
		return;
	if (node->drv->is_floating) {
		build(m, node, r);
		return;
	}
	if (ask_outputs(m, r, MISSING_SEEN))
		return;
	valid = find_here(m, r);
	if (valid == r->nwanted)
		return;
	if (!node->drv->may_substitute) {
		build(m, node, r);
		return;
	}
	if (ask_outputs(m, r, MISSING_ABSENT))
		return;
	if (count_outputs(m, r, MISSING_NOWHERE)) {
		build(m, node, r);
		return;
	}
	for (uint32_t i = 0; i < r->nwanted; i++)
		if (missing_table_at(m, r->wanted[i])->state == MISSING_FOUND)
			want_path(m, r->wanted[i], &r->public);
}

static void step_outputs(struct missing *m, struct missing_step *r)
{
	struct missing_node *node = missing_table_at(m, r->public.node);

	switch (node->state) {
	case MISSING_SEEN:
	case MISSING_VALID:
		ask(m, r->public.node, r);
		break;
	case MISSING_READ:
		step_read(m, r, node);
		break;
	case MISSING_ABSENT:
	case MISSING_FOUND:
	case MISSING_NOWHERE:
		be_unknown(m, node, r);
	}
}

static void step_path(struct missing *m, struct missing_step *r)
{
	struct missing_node *node = missing_table_at(m, r->public.node);

	switch (node->state) {
	case MISSING_SEEN:
	case MISSING_ABSENT:
		ask(m, r->public.node, r);
		break;
	case MISSING_FOUND:
		substitute(m, node, r);
		break;
	case MISSING_NOWHERE:
		be_unknown(m, node, r);
		break;
	case MISSING_VALID:
	case MISSING_READ:
		node->here |= !r->public.parent;
		break;
	}
}

/* What a request leads to is appended, so that this is the only loop. */
static void go_on(struct missing *m)
{
	while (m->ready && !m->failed) {
		struct missing_step *r = m->ready;

		m->ready = r->next;
		if (!m->ready)
			m->ready_end = &m->ready;
		if (r->public.outputs)
			step_outputs(m, r);
		else
			step_path(m, r);
	}
}

/* ---- targets ---- */

static const char *join_names(struct missing *m, const struct nf_slice *names,
			      size_t count)
{
	AUTO_BUF struct buf text = { 0 };

	buf_init(&text, SIZE_MAX);
	for (size_t i = 0; i < count; i++) {
		if (i && nf_slice_eq(names[i - 1], names[i]))
			continue;
		if (i)
			buf_add_char(&text, ',');
		buf_add_slice(&text, names[i]);
	}
	return missing_table_text(m, buf_slice(&text));
}

static int cmp_names(const void *a, const void *b)
{
	return nf_slice_cmp(*(const struct nf_slice *)a, *(const struct nf_slice *)b);
}

void missing_want_path(struct missing *m, const struct nf_storepath *path)
{
	want_path(m, missing_table_put(m, nf_storepath_base(path)), NULL);
	go_on(m);
}

void missing_want_outputs(struct missing *m, const struct nf_storepath *drv,
			  const struct nf_slice *names, size_t count)
{
	uint32_t id = missing_table_put(m, nf_storepath_base(drv));
	AUTO_FREE struct nf_slice *sorted = NULL;

	if (count == 0) {
		want_outputs(m, id, missing_table_text(m, NF_SLICE_LIT(ALL)), NULL);
	} else {
		sorted = mem_dup(names, count * sizeof(*names));
		qsort(sorted, count, sizeof(*sorted), cmp_names);
		want_outputs(m, id, join_names(m, sorted, count), NULL);
	}
	go_on(m);
}

/* ---- answers ---- */

void missing_valid(struct missing *m, uint32_t id, bool is_valid)
{
	struct missing_node *node = missing_table_at(m, id);

	assert(node->state == MISSING_SEEN);
	answered(m, node, is_valid ? MISSING_VALID : MISSING_ABSENT);
	go_on(m);
}

static void take_outputs(struct missing *m, struct missing_drv *drv,
			 const struct nf_derivation *d)
{
	drv->noutputs = d->noutputs;
	drv->outputs = arena_alloc(&m->arena, d->noutputs * sizeof(*drv->outputs));
	for (size_t i = 0; i < d->noutputs; i++) {
		const struct nf_drv_output *from = &d->outputs[i];
		bool floats = from->path.len == 0;

		drv->outputs[i].name = missing_table_text(m, from->name);
		drv->outputs[i].node =
			floats ? MISSING_NONE : missing_table_put(m, from->path);
		drv->is_floating |= floats;
		drv->is_fixed |= !floats && from->hash.len > 0;
	}
}

static void take_inputs(struct missing *m, struct missing_drv *drv,
			const struct nf_derivation *d)
{
	drv->ninputs = d->ninputs;
	drv->inputs = arena_alloc(&m->arena, d->ninputs * sizeof(*drv->inputs));
	for (size_t i = 0; i < d->ninputs; i++) {
		const struct nf_drv_input *from = &d->inputs[i];

		drv->inputs[i].node = missing_table_put(m, from->drv);
		drv->inputs[i].outputs =
			from->noutputs ? join_names(m, from->outputs, from->noutputs)
				       : NULL;
	}
}

int missing_contents(struct missing *m, uint32_t id, const struct nf_derivation *d,
		     struct nf_err *err)
{
	struct missing_node *node = missing_table_at(m, id);
	struct missing_drv *drv;
	bool allowed;
	int rc;

	assert(node->state == MISSING_VALID);
	rc = nf_derivation_allow_substitutes(d, &allowed, err);
	if (rc)
		return err_prefix(err, rc, "'" NF_STORE_DIR "/%s'", node->base);
	drv = arena_calloc(&m->arena, 1, sizeof(*drv));
	drv->may_substitute = allowed || m->opts.always_substitute;
	take_outputs(m, drv, d);
	take_inputs(m, drv, d);
	node->drv = drv;
	answered(m, node, MISSING_READ);
	go_on(m);
	return 0;
}

void missing_found(struct missing *m, uint32_t id, const struct nf_slice *refs,
		   size_t nrefs, uint64_t nar_size, uint64_t download_size)
{
	struct missing_node *node = missing_table_at(m, id);

	assert(node->state == MISSING_ABSENT);
	node->nar_size = nar_size;
	node->download_size = download_size;
	node->nrefs = (uint32_t)nrefs;
	if (nrefs)
		node->refs = arena_alloc(&m->arena, nrefs * sizeof(*node->refs));
	for (size_t i = 0; i < nrefs; i++)
		node->refs[i] = missing_table_put(m, refs[i]);
	answered(m, node, MISSING_FOUND);
	go_on(m);
}

void missing_not_found(struct missing *m, uint32_t id)
{
	struct missing_node *node = missing_table_at(m, id);

	assert(node->state == MISSING_ABSENT);
	answered(m, node, MISSING_NOWHERE);
	go_on(m);
}

/* ---- the end ---- */

int missing_finish(struct missing *m, struct nf_err *err)
{
	if (m->failed) {
		if (err)
			*err = m->error;
		return m->failed;
	}
	assert(m->unanswered == 0 && !m->builds);
	return missing_order(m, err);
}

struct missing_totals missing_totals(const struct missing *m)
{
	return m->totals;
}

const uint32_t *missing_builds(const struct missing *m, size_t *ret_count)
{
	*ret_count = m->totals.build;
	return m->builds;
}

enum missing_reason missing_reason(const struct missing_node *node)
{
	if (node->drv->is_floating)
		return MISSING_FLOATING;
	return node->drv->may_substitute ? MISSING_NO_CACHE : MISSING_NOT_ALLOWED;
}
