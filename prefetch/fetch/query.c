#include "fetch/query.h"

#include <stdlib.h>

#include "base/mem.h"
#include "fetch/loop.h"

struct query {
	struct engine engine;
	struct fetch_options fetch;
	struct fetch_result result;
	struct local_store *store; /* or NULL */
	struct planner *planner;
	/* Maps between the planner's and the resolver's node numbers. */
	uint32_t *planned;
	size_t planned_len, planned_cap;
	uint32_t *asked;
	size_t asked_len, asked_cap;
};

static void set_at(uint32_t **list, size_t *len, size_t *cap, uint32_t at, uint32_t value)
{
	while (*len <= at) {
		MEM_GROW(*list, *len, *cap);
		(*list)[(*len)++] = PLANNER_NONE;
	}
	(*list)[at] = value;
}

static void on_settled(void *ctx, uint32_t id, const struct nf_narinfo *ni)
{
	struct query *q = ctx;

	if (ni)
		planner_found(q->planner, q->planned[id], ni->info.refs, ni->info.nrefs,
			      ni->info.nar_size, ni->file_size);
	else
		planner_not_found(q->planner, q->planned[id]);
}

static int answer_contents(struct query *q, uint32_t id, struct nf_err *err)
{
	struct nf_derivation d;
	struct nf_storepath path;
	int rc;

	planner_path(q->planner, id, &path);
	rc = local_store_drv(q->store, &path, &d, err);
	if (!rc)
		rc = planner_contents(q->planner, id, &d, err);
	nf_derivation_release(&d);
	return rc;
}

/* A path that is missing on the disk is reported, and may come from elsewhere. */
static int is_valid_here(struct query *q, const struct nf_storepath *path, bool *ret,
			 struct nf_err *err)
{
	struct nf_err why;
	int rc = local_store_is_valid(q->store, path, ret, &why);

	if (rc == -NF_E_FORMAT) {
		progress_note(q->fetch.progress, "%s", why.text);
		return 0;
	}
	if (rc && err)
		*err = why;
	return rc;
}

static int is_valid_in_daemon(struct daemon_target *t, const struct nf_storepath *path,
			      bool *ret, struct nf_err *err)
{
	AUTO(nf_pathinfo_release) struct nf_pathinfo info = { 0 };
	int rc = daemon_target_find(t, path, &info, err);

	*ret = !rc;
	return rc == -NF_E_MISSING ? 0 : rc;
}

static int answer_valid(struct query *q, uint32_t id, struct nf_err *err)
{
	struct nf_storepath path;
	bool valid = false;
	int rc = 0;

	planner_path(q->planner, id, &path);
	if (q->store)
		rc = is_valid_here(q, &path, &valid, err);
	if (!rc && !valid && q->fetch.intake)
		rc = intake_is_valid(q->fetch.intake, &path, &valid, err);
	if (!rc && !valid && q->fetch.daemon)
		rc = is_valid_in_daemon(q->fetch.daemon, &path, &valid, err);
	if (!rc)
		planner_valid(q->planner, id, valid);
	return rc;
}

static void ask_caches(struct query *q, uint32_t id)
{
	struct nf_storepath path;
	uint32_t node;

	planner_path(q->planner, id, &path);
	node = resolver_want(q->engine.resolver, &path);
	set_at(&q->planned, &q->planned_len, &q->planned_cap, node, id);
	set_at(&q->asked, &q->asked_len, &q->asked_cap, id, node);
}

static int query_pump(void *ctx, struct nf_err *err)
{
	struct query *q = ctx;
	struct planner_question question;
	int rc = 0;

	while (!rc && planner_next(q->planner, &question)) {
		switch (question.ask) {
		case PLANNER_ASK_VALID:
			rc = answer_valid(q, question.id, err);
			break;
		case PLANNER_ASK_CONTENTS:
			rc = answer_contents(q, question.id, err);
			break;
		case PLANNER_ASK_FACTS:
			ask_caches(q, question.id);
			break;
		}
	}
	return rc;
}

int query_run(struct query **ret, const struct fetch_options *fetch,
	      struct local_store *store, struct planner *m, struct nf_err *err)
{
	struct query *q = mem_calloc(1, sizeof(*q));
	int rc;

	*ret = q;
	q->fetch = *fetch;
	q->fetch.dry_run = true;
	q->store = store;
	q->planner = m;
	rc = loop_open(&q->engine, &q->fetch, &q->result, err);
	if (rc)
		return rc;
	q->engine.lookups.ask = query_pump;
	q->engine.lookups.ask_ctx = q;
	resolver_set_settled(q->engine.resolver, on_settled, q);
	rc = loop_run(&q->engine, err);
	if (!rc && q->engine.rc) {
		rc = q->engine.rc;
		if (err)
			*err = q->engine.err;
	}
	return rc;
}

void query_free(struct query *q)
{
	if (!q)
		return;
	loop_close(&q->engine);
	fetch_result_release(&q->result);
	free(q->planned);
	free(q->asked);
	free(q);
}

const struct resolver_node *query_node(const struct query *q, uint32_t missing_id)
{
	if (missing_id >= q->asked_len || q->asked[missing_id] == PLANNER_NONE)
		return NULL;
	return resolver_node(q->engine.resolver, q->asked[missing_id]);
}

static struct query_cause cause_of_path(const struct query *q, uint32_t missing_id)
{
	const struct resolver_node *n = query_node(q, missing_id);
	const struct resolver_reason *why = n ? n->reason : NULL;

	if (why)
		return (struct query_cause){
			.cause = why->cause,
			.code = why->code,
			.cache = q->result.caches[why->cache].url,
			.detail = why->detail,
			.signers = why->signers,
			.is_signed = why->is_signed,
		};
	return (struct query_cause){
		.cause = q->fetch.substituter_count ? CAUSE_ABSENT : CAUSE_NO_SUBSTITUTER,
		.code = NF_E_MISSING,
	};
}

static bool is_graver(const struct query_cause *a, const struct query_cause *b)
{
	int x = err_gravity(a->code), y = err_gravity(b->code);

	return x != y ? x > y : a->cause > b->cause;
}

static struct query_cause cause_of_outputs(const struct query *q,
					   const struct planner_drv *drv)
{
	struct query_cause worst = { .cause = CAUSE_ABSENT, .code = NF_E_MISSING };

	for (size_t i = 0; i < drv->noutputs; i++) {
		uint32_t id = drv->outputs[i].node;
		struct query_cause c;

		if (planner_node(q->planner, id)->state != PLANNER_NOWHERE)
			continue;
		c = cause_of_path(q, id);
		if (is_graver(&c, &worst))
			worst = c;
	}
	return worst;
}

struct query_cause query_cause(const struct query *q, uint32_t missing_id)
{
	const struct planner_node *node = planner_node(q->planner, missing_id);
	struct query_cause c = { .code = NF_E_MISSING };

	if (!node->build) {
		c = cause_of_path(q, missing_id);
		if (c.code == NF_E_MISSING && node->state != PLANNER_NOWHERE)
			c.cause = CAUSE_NO_DERIVATION;
		return c;
	}
	switch (planner_reason(node)) {
	case PLANNER_FLOATING:
		c.cause = CAUSE_FLOATING;
		return c;
	case PLANNER_NOT_ALLOWED:
		c.cause = CAUSE_LOCAL_ONLY;
		return c;
	case PLANNER_NO_CACHE:
		break;
	}
	return cause_of_outputs(q, node->drv);
}

const struct fetch_result *query_result(const struct query *q)
{
	return &q->result;
}
