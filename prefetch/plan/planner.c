#include "plan/planner.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/slice.h"
#include "plan/planner_private.h"

#define ALL "*"

/* Identifies requests for outputs; without padding. */
struct key {
	uintptr_t id;
	const char *outputs;
};

/* ---- questions, and requests that wait for answers ---- */

static enum planner_ask ask_of(const struct planner_node *node)
{
	switch (node->state) {
	case PLANNER_SEEN:
		return PLANNER_ASK_VALID;
	case PLANNER_VALID:
		return PLANNER_ASK_CONTENTS;
	default:
		assert(node->state == PLANNER_ABSENT);
		return PLANNER_ASK_FACTS;
	}
}

static void ask_node(struct planner *m, uint32_t id, struct planner_step *r)
{
	struct planner_node *node = planner_table_at(m, id);
	struct planner_waiter *w = m->free_waiters;

	if (w)
		m->free_waiters = w->next;
	else
		w = arena_alloc(&m->arena, sizeof(*w));
	*w = (struct planner_waiter){ node->waiters, r };
	node->waiters = w;
	r->pending++;
	if (node->is_asked)
		return;
	node->is_asked = true;
	node->next_question = PLANNER_NONE;
	if (m->question == PLANNER_NONE)
		m->question = id;
	else
		planner_table_at(m, m->last_question)->next_question = id;
	m->last_question = id;
	m->unanswered++;
}

bool planner_next(struct planner *m, struct planner_question *ret)
{
	if (m->failed || m->question == PLANNER_NONE)
		return false;
	ret->id = m->question;
	ret->ask = ask_of(planner_table_at(m, ret->id));
	m->question = planner_table_at(m, ret->id)->next_question;
	return true;
}

static void make_ready(struct planner *m, struct planner_step *r)
{
	r->next = NULL;
	*m->ready_end = r;
	m->ready_end = &r->next;
}

static void answered(struct planner *m, struct planner_node *node,
		     enum planner_state state)
{
	struct planner_waiter *next;

	assert(node->is_asked);
	node->is_asked = false;
	node->state = state;
	m->unanswered--;
	for (struct planner_waiter *w = TAKE_PTR(node->waiters); w; w = next) {
		next = w->next;
		if (--w->request->pending == 0)
			make_ready(m, w->request);
		w->next = m->free_waiters;
		m->free_waiters = w;
	}
}

/* ---- requests ---- */

static void add_request(struct planner *m, uint32_t id, const char *outputs,
			const struct planner_request *parent)
{
	struct planner_step *r = arena_calloc(&m->arena, 1, sizeof(*r));

	r->public = (struct planner_request){ id, outputs, parent };
	make_ready(m, r);
}

static void want_path(struct planner *m, uint32_t id,
		      const struct planner_request *parent)
{
	struct planner_node *node = planner_table_at(m, id);

	if (node->is_wanted)
		return;
	node->is_wanted = true;
	add_request(m, id, NULL, parent);
}

static void want_outputs(struct planner *m, uint32_t id, const char *outputs,
			 const struct planner_request *parent)
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

static void set_why(struct planner_node *node, const struct planner_step *r)
{
	if (!node->why)
		node->why = &r->public;
}

static void be_unknown(struct planner *m, struct planner_node *node,
		       const struct planner_step *r)
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

static void substitute(struct planner *m, struct planner_node *node,
		       const struct planner_step *r)
{
	struct planner_totals *t = &m->totals;

	set_why(node, r);
	node->substitute = true;
	t->substitute++;
	t->nar_size = add_sizes(t->nar_size, node->nar_size);
	t->download_size = add_sizes(t->download_size, node->download_size);
	for (uint32_t i = 0; i < node->nrefs; i++)
		want_path(m, node->refs[i], &r->public);
}

static void build(struct planner *m, struct planner_node *node,
		  const struct planner_step *r)
{
	const struct planner_drv *drv = node->drv;

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

static int no_such_output(const struct planner *m, const struct planner_step *r,
			  struct nf_slice name, struct nf_err *err)
{
	const struct planner_request *parent = r->public.parent;
	const char *base = planner_table_at(m, r->public.node)->base;

	if (!parent)
		return err_set(err, NF_E_MISSING,
			       "'" NF_STORE_DIR "/%s' has no output '%.*s'", base,
			       NF_SLICE_ARG(name));
	return err_set(err, NF_E_FORMAT,
		       "'" NF_STORE_DIR "/%s' needs the output '%.*s' of '" NF_STORE_DIR
		       "/%s', which has no such output",
		       planner_table_at(m, parent->node)->base, NF_SLICE_ARG(name), base);
}

/* Both lists are sorted. */
static int find_wanted(struct planner *m, struct planner_step *r)
{
	const struct planner_drv *drv = planner_table_at(m, r->public.node)->drv;
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
static bool ask_outputs(struct planner *m, struct planner_step *r,
			enum planner_state state)
{
	for (uint32_t i = 0; i < r->nwanted; i++)
		if (planner_table_at(m, r->wanted[i])->state == state)
			ask_node(m, r->wanted[i], r);
	return r->pending > 0;
}

/* Marks the wanted outputs that are valid, and counts them. */
static size_t find_here(struct planner *m, const struct planner_step *r)
{
	size_t count = 0;

	for (uint32_t i = 0; i < r->nwanted; i++) {
		struct planner_node *node = planner_table_at(m, r->wanted[i]);

		node->here |= node->state == PLANNER_VALID || node->state == PLANNER_READ;
		count += node->here;
	}
	return count;
}

static size_t count_outputs(const struct planner *m, const struct planner_step *r,
			    enum planner_state state)
{
	size_t count = 0;

	for (uint32_t i = 0; i < r->nwanted; i++)
		count += planner_table_at(m, r->wanted[i])->state == state;
	return count;
}

static void step_read(struct planner *m, struct planner_step *r,
		      struct planner_node *node)
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
	if (ask_outputs(m, r, PLANNER_SEEN))
		return;
	valid = find_here(m, r);
	if (valid == r->nwanted)
		return;
	if (!node->drv->may_substitute) {
		build(m, node, r);
		return;
	}
	if (ask_outputs(m, r, PLANNER_ABSENT))
		return;
	if (count_outputs(m, r, PLANNER_NOWHERE)) {
		build(m, node, r);
		return;
	}
	for (uint32_t i = 0; i < r->nwanted; i++)
		if (planner_table_at(m, r->wanted[i])->state == PLANNER_FOUND)
			want_path(m, r->wanted[i], &r->public);
}

static void step_outputs(struct planner *m, struct planner_step *r)
{
	struct planner_node *node = planner_table_at(m, r->public.node);

	switch (node->state) {
	case PLANNER_SEEN:
	case PLANNER_VALID:
		ask_node(m, r->public.node, r);
		break;
	case PLANNER_READ:
		step_read(m, r, node);
		break;
	case PLANNER_ABSENT:
	case PLANNER_FOUND:
	case PLANNER_NOWHERE:
		be_unknown(m, node, r);
	}
}

static void step_path(struct planner *m, struct planner_step *r)
{
	struct planner_node *node = planner_table_at(m, r->public.node);

	switch (node->state) {
	case PLANNER_SEEN:
	case PLANNER_ABSENT:
		ask_node(m, r->public.node, r);
		break;
	case PLANNER_FOUND:
		substitute(m, node, r);
		break;
	case PLANNER_NOWHERE:
		be_unknown(m, node, r);
		break;
	case PLANNER_VALID:
	case PLANNER_READ:
		node->here |= !r->public.parent;
		break;
	}
}

/* Follow-up requests are appended to the list, so this is the only loop. */
static void go_on(struct planner *m)
{
	while (m->ready && !m->failed) {
		struct planner_step *r = m->ready;

		m->ready = r->next;
		if (!m->ready)
			m->ready_end = &m->ready;
		if (r->public.outputs)
			step_outputs(m, r);
		else
			step_path(m, r);
	}
}

/* ---- installables ---- */

static const char *join_names(struct planner *m, const struct nf_slice *names,
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
	return planner_table_text(m, buf_slice(&text));
}

static int cmp_names(const void *a, const void *b)
{
	return nf_slice_cmp(*(const struct nf_slice *)a, *(const struct nf_slice *)b);
}

void planner_want_path(struct planner *m, const struct nf_storepath *path)
{
	want_path(m, planner_table_put(m, nf_storepath_base(path)), NULL);
	go_on(m);
}

void planner_want_outputs(struct planner *m, const struct nf_storepath *drv,
			  const struct nf_slice *names, size_t count)
{
	uint32_t id = planner_table_put(m, nf_storepath_base(drv));
	AUTO_FREE struct nf_slice *sorted = NULL;

	if (count == 0) {
		want_outputs(m, id, planner_table_text(m, NF_SLICE_LIT(ALL)), NULL);
	} else {
		sorted = mem_dup(names, count * sizeof(*names));
		qsort(sorted, count, sizeof(*sorted), cmp_names);
		want_outputs(m, id, join_names(m, sorted, count), NULL);
	}
	go_on(m);
}

/* ---- answers ---- */

void planner_valid(struct planner *m, uint32_t id, bool is_valid)
{
	struct planner_node *node = planner_table_at(m, id);

	assert(node->state == PLANNER_SEEN);
	answered(m, node, is_valid ? PLANNER_VALID : PLANNER_ABSENT);
	go_on(m);
}

static void take_outputs(struct planner *m, struct planner_drv *drv,
			 const struct nf_derivation *d)
{
	drv->noutputs = d->noutputs;
	drv->outputs = arena_alloc(&m->arena, d->noutputs * sizeof(*drv->outputs));
	for (size_t i = 0; i < d->noutputs; i++) {
		const struct nf_drv_output *from = &d->outputs[i];
		bool floats = from->path.len == 0;

		drv->outputs[i].name = planner_table_text(m, from->name);
		drv->outputs[i].node =
			floats ? PLANNER_NONE : planner_table_put(m, from->path);
		drv->is_floating |= floats;
		drv->is_fixed |= !floats && from->hash.len > 0;
	}
}

static void take_inputs(struct planner *m, struct planner_drv *drv,
			const struct nf_derivation *d)
{
	drv->ninputs = d->ninputs;
	drv->inputs = arena_alloc(&m->arena, d->ninputs * sizeof(*drv->inputs));
	for (size_t i = 0; i < d->ninputs; i++) {
		const struct nf_drv_input *from = &d->inputs[i];

		drv->inputs[i].node = planner_table_put(m, from->drv);
		drv->inputs[i].outputs =
			from->noutputs ? join_names(m, from->outputs, from->noutputs)
				       : NULL;
	}
}

int planner_contents(struct planner *m, uint32_t id, const struct nf_derivation *d,
		     struct nf_err *err)
{
	struct planner_node *node = planner_table_at(m, id);
	struct planner_drv *drv;
	bool allowed;
	int rc;

	assert(node->state == PLANNER_VALID);
	rc = nf_derivation_allow_substitutes(d, &allowed, err);
	if (rc)
		return err_prefix(err, rc, "'" NF_STORE_DIR "/%s'", node->base);
	drv = arena_calloc(&m->arena, 1, sizeof(*drv));
	drv->may_substitute = allowed || m->opts.always_substitute;
	take_outputs(m, drv, d);
	take_inputs(m, drv, d);
	node->drv = drv;
	answered(m, node, PLANNER_READ);
	go_on(m);
	return 0;
}

void planner_found(struct planner *m, uint32_t id, const struct nf_slice *refs,
		   size_t nrefs, uint64_t nar_size, uint64_t download_size)
{
	struct planner_node *node = planner_table_at(m, id);

	assert(node->state == PLANNER_ABSENT);
	node->nar_size = nar_size;
	node->download_size = download_size;
	node->nrefs = (uint32_t)nrefs;
	if (nrefs)
		node->refs = arena_alloc(&m->arena, nrefs * sizeof(*node->refs));
	for (size_t i = 0; i < nrefs; i++)
		node->refs[i] = planner_table_put(m, refs[i]);
	answered(m, node, PLANNER_FOUND);
	go_on(m);
}

void planner_not_found(struct planner *m, uint32_t id)
{
	struct planner_node *node = planner_table_at(m, id);

	assert(node->state == PLANNER_ABSENT);
	answered(m, node, PLANNER_NOWHERE);
	go_on(m);
}

/* ---- the end ---- */

int planner_finish(struct planner *m, struct nf_err *err)
{
	if (m->failed) {
		if (err)
			*err = m->error;
		return m->failed;
	}
	assert(m->unanswered == 0 && !m->builds);
	return planner_order(m, err);
}

struct planner_totals planner_totals(const struct planner *m)
{
	return m->totals;
}

const uint32_t *planner_builds(const struct planner *m, size_t *ret_count)
{
	*ret_count = m->totals.build;
	return m->builds;
}

enum planner_reason planner_reason(const struct planner_node *node)
{
	if (node->drv->is_floating)
		return PLANNER_FLOATING;
	return node->drv->may_substitute ? PLANNER_NO_CACHE : PLANNER_NOT_ALLOWED;
}
