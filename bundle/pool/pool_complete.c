#include "pool/pool_complete.h"

#include <stdlib.h>

#include "base/mem.h"
#include "pool/pool_closure.h"

/* What is known of each path of the closure, by index. */
struct facts {
	struct pool *pool;
	struct pool_closure closure;
	struct nf_storepath *missing;
	size_t missing_len, missing_cap;
	bool *is_missing, *is_complete, *is_referred;
};

static void facts_release(struct facts *f)
{
	pool_closure_release(&f->closure);
	free(f->missing);
	free(f->is_missing);
	free(f->is_complete);
	free(f->is_referred);
}

/* For a missing path, continues as if it had no references. */
static int find_narinfo(void *ctx, const struct nf_storepath *path, struct nf_narinfo *ni,
			struct nf_err *err)
{
	struct facts *f = ctx;
	int rc = pool_find(f->pool, path, ni, err);

	if (rc != -NF_E_MISSING)
		return rc;
	nf_narinfo_release(ni);
	nf_narinfo_init(ni);
	MEM_GROW(f->missing, f->missing_len, f->missing_cap);
	f->missing[f->missing_len++] = *path;
	return 0;
}

static void mark_missing(struct facts *f)
{
	for (size_t i = 0; i < f->missing_len; i++) {
		uintptr_t *index =
			map_get(&f->closure.index, nf_storepath_base(&f->missing[i]));

		f->is_missing[*index] = true;
	}
}

/* ORDER has references before their referrers. */
static void mark_complete(struct facts *f, const uint32_t *order)
{
	for (size_t i = 0; i < f->closure.len; i++) {
		const struct pool_closure_node *node = &f->closure.nodes[order[i]];
		bool complete = !f->is_missing[order[i]];

		for (uint32_t k = 0; k < node->nrefs; k++)
			complete = complete && f->is_complete[node->refs[k]];
		f->is_complete[order[i]] = complete;
		for (uint32_t k = 0; complete && k < node->nrefs; k++)
			f->is_referred[node->refs[k]] = true;
	}
}

static void collect(struct pool_complete *w, const struct facts *f,
		    const uint32_t *by_name, size_t asked)
{
	size_t len = f->closure.len;

	w->roots = mem_calloc(len, sizeof(*w->roots));
	w->left_out = mem_calloc(len, sizeof(*w->left_out));
	w->missing = f->missing_len;
	for (size_t i = 0; i < len; i++) {
		uint32_t index = by_name[i];
		const struct nf_storepath *path = &f->closure.nodes[index].path;
		bool had = f->closure.nodes[index].had != NULL;

		w->count += f->is_complete[index] && !had;
		if (!f->is_complete[index])
			w->left_out[w->left_out_count++] = *path;
		/* Nothing in the bundle needs what the target has and nobody asked for.
		 */
		else if (index < asked || (!f->is_referred[index] && !had))
			w->roots[w->root_count++] = *path;
	}
}

/* The closure lists the requested paths first: counts them without duplicates. */
static size_t asked_nodes(struct pool_closure *c, const struct pool_complete_question *q)
{
	size_t end = 0;

	for (size_t i = 0; i < q->asked; i++) {
		uintptr_t *index = map_get(&c->index, nf_storepath_base(&q->paths[i]));

		end = *index >= end ? *index + 1 : end;
	}
	return end;
}

int pool_complete_find(struct pool_complete *ret, struct pool *p,
		       const struct pool_complete_question *q, struct nf_err *err)
{
	AUTO(facts_release) struct facts f = { .pool = p };
	AUTO_FREE uint32_t *by_name = NULL, *order = NULL;
	int rc;

	*ret = (struct pool_complete)POOL_COMPLETE_INIT;
	pool_closure_init(&f.closure);
	f.closure.have = q->have;
	rc = pool_closure_walk(&f.closure, q->paths, q->count, find_narinfo, &f, err);
	if (rc)
		return rc;
	by_name = pool_closure_by_name(&f.closure);
	rc = pool_closure_order(&f.closure, by_name, &order, err);
	if (rc)
		return rc;
	f.is_missing = mem_calloc(f.closure.len, sizeof(bool));
	f.is_complete = mem_calloc(f.closure.len, sizeof(bool));
	f.is_referred = mem_calloc(f.closure.len, sizeof(bool));
	mark_missing(&f);
	mark_complete(&f, order);
	collect(ret, &f, by_name, asked_nodes(&f.closure, q));
	return 0;
}

void pool_complete_release(struct pool_complete *w)
{
	free(w->roots);
	free(w->left_out);
	*w = (struct pool_complete)POOL_COMPLETE_INIT;
}
