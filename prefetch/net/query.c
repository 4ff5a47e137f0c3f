#include "net/query.h"

#include <stdlib.h>

#include "base/mem.h"
#include "net/engine.h"

struct query {
	struct engine engine;
	struct fetch_options fetch;
	struct fetch_result result;
	struct local_store *store; /* or NULL */
	struct missing *missing;
	/* The planner's numbers of the resolver's nodes, and the other way round. */
	uint32_t *planned;
	size_t planned_len, planned_cap;
	uint32_t *asked;
	size_t asked_len, asked_cap;
};

static void set_at(uint32_t **list, size_t *len, size_t *cap, uint32_t at, uint32_t value)
{
	while (*len <= at) {
		MEM_GROW(*list, *len, *cap);
		(*list)[(*len)++] = MISSING_NONE;
	}
	(*list)[at] = value;
}

static void on_settled(void *ctx, uint32_t id, const struct nf_narinfo *ni)
{
	struct query *q = ctx;

	if (ni)
		missing_found(q->missing, q->planned[id], ni->info.refs, ni->info.nrefs,
			      ni->info.nar_size, ni->file_size);
	else
		missing_not_found(q->missing, q->planned[id]);
}

static int answer_contents(struct query *q, uint32_t id, struct nf_err *err)
{
	struct nf_derivation d;
	struct nf_storepath path;
	int rc;

	missing_path(q->missing, id, &path);
	rc = local_store_drv(q->store, &path, &d, err);
	if (!rc)
		rc = missing_contents(q->missing, id, &d, err);
	nf_derivation_release(&d);
	return rc;
}

static int answer_valid(struct query *q, uint32_t id, struct nf_err *err)
{
	struct nf_storepath path;
	bool valid = false;
	int rc = 0;

	missing_path(q->missing, id, &path);
	if (q->store)
		rc = local_store_is_valid(q->store, &path, &valid, err);
	if (!rc && !valid && q->fetch.intake)
		rc = intake_is_valid(q->fetch.intake, &path, &valid, err);
	if (!rc)
		missing_valid(q->missing, id, valid);
	return rc;
}

static void ask_caches(struct query *q, uint32_t id)
{
	struct nf_storepath path;
	uint32_t node;

	missing_path(q->missing, id, &path);
	node = resolver_want(q->engine.resolver, &path);
	set_at(&q->planned, &q->planned_len, &q->planned_cap, node, id);
	set_at(&q->asked, &q->asked_len, &q->asked_cap, id, node);
}

static int query_pump(void *ctx, struct nf_err *err)
{
	struct query *q = ctx;
	struct missing_question question;
	int rc = 0;

	while (!rc && missing_next(q->missing, &question)) {
		switch (question.ask) {
		case MISSING_ASK_VALID:
			rc = answer_valid(q, question.id, err);
			break;
		case MISSING_ASK_CONTENTS:
			rc = answer_contents(q, question.id, err);
			break;
		case MISSING_ASK_FACTS:
			ask_caches(q, question.id);
			break;
		}
	}
	return rc;
}

int query_run(struct query **ret, const struct fetch_options *fetch,
	      struct local_store *store, struct missing *m, struct nf_err *err)
{
	struct query *q = mem_calloc(1, sizeof(*q));
	int rc;

	*ret = q;
	q->fetch = *fetch;
	q->fetch.dry_run = true;
	q->store = store;
	q->missing = m;
	rc = engine_open(&q->engine, &q->fetch, &q->result, err);
	if (rc)
		return rc;
	q->engine.ask = query_pump;
	q->engine.ask_ctx = q;
	resolver_set_settled(q->engine.resolver, on_settled, q);
	rc = engine_run(&q->engine, err);
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
	engine_close(&q->engine);
	fetch_result_release(&q->result);
	free(q->planned);
	free(q->asked);
	free(q);
}

const struct resolver_node *query_node(const struct query *q, uint32_t missing_id)
{
	if (missing_id >= q->asked_len || q->asked[missing_id] == MISSING_NONE)
		return NULL;
	return resolver_node(q->engine.resolver, q->asked[missing_id]);
}

const struct fetch_result *query_result(const struct query *q)
{
	return &q->result;
}
