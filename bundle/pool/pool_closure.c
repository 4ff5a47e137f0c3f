#include "pool/pool_closure.h"

#include <stdlib.h>

#include "base/interrupt.h"
#include "base/mem.h"
#include "base/toposort.h"

void pool_closure_init(struct pool_closure *c)
{
	*c = (struct pool_closure){ 0 };
	arena_init(&c->arena);
	map_init(&c->index);
}

void pool_closure_release(struct pool_closure *c)
{
	free(c->nodes);
	map_release(&c->index);
	arena_release(&c->arena);
}

/* Returns the index of a path, which is added if it is new. */
static uint32_t find_or_add(struct pool_closure *c, const struct nf_storepath *path,
			    uint32_t referrer)
{
	uintptr_t *value;
	bool new;

	value = map_get(&c->index, nf_storepath_base(path));
	if (value)
		return (uint32_t)*value;
	value = map_put(&c->index, arena_slice(&c->arena, nf_storepath_base(path)), &new);
	*value = c->len;
	MEM_GROW(c->nodes, c->len, c->cap);
	c->nodes[c->len++] =
		(struct pool_closure_node){ .path = *path, .referrer = referrer };
	return (uint32_t)*value;
}

static int add_refs(struct pool_closure *c, uint32_t index,
		    const struct nf_pathinfo *info, struct nf_err *err)
{
	uint32_t *refs = arena_calloc(&c->arena, info->nrefs, sizeof(*refs));
	uint32_t count = 0;
	int rc;

	for (size_t i = 0; i < info->nrefs; i++) {
		struct nf_storepath ref;
		uint32_t target;

		rc = nf_storepath_parse_base(&ref, info->refs[i], err);
		if (rc)
			return rc;
		target = find_or_add(c, &ref, index);
		if (target != index)
			refs[count++] = target;
	}
	c->nodes[index].refs = refs;
	c->nodes[index].nrefs = count;
	return 0;
}

int pool_closure_name_referrer(const struct pool_closure *c, uint32_t index, int rc,
			       struct nf_err *err)
{
	const struct pool_closure_node *node = &c->nodes[index];

	if (rc != -NF_E_MISSING)
		return rc;
	if (node->referrer == index)
		return err_prefix(err, rc, "'%s' is not in the pool", node->path.base);
	return err_prefix(err, rc, "'%s' is not in the pool, but '%s' refers to it",
			  node->path.base, c->nodes[node->referrer].path.base);
}

int pool_closure_walk(struct pool_closure *c, const struct nf_storepath *roots,
		      size_t root_count,
		      int (*find)(void *ctx, const struct nf_storepath *path,
				  struct nf_narinfo *ni, struct nf_err *err),
		      void *ctx, struct nf_err *err)
{
	for (size_t i = 0; i < root_count; i++)
		find_or_add(c, &roots[i], (uint32_t)c->len);
	/* Adds the references to the end: the list of nodes is also the queue. */
	for (uint32_t i = 0; i < c->len; i++) {
		const struct nf_storepath path = c->nodes[i].path;
		AUTO(nf_narinfo_release) struct nf_narinfo ni = { 0 };
		int rc;

		if (c->have)
			c->nodes[i].had =
				inventory_find(c->have, nf_storepath_base(&path));
		if (c->nodes[i].had)
			continue;
		nf_narinfo_init(&ni);
		rc = interrupt_check(err);
		if (rc)
			return rc;
		rc = find(ctx, &path, &ni, err);
		rc = rc ? pool_closure_name_referrer(c, i, rc, err)
			: add_refs(c, i, &ni.info, err);
		if (rc)
			return rc;
	}
	return 0;
}

static int compare_nodes(const void *a, const void *b, void *ctx)
{
	const struct pool_closure_node *nodes = ctx;

	return nf_storepath_cmp(&nodes[*(const uint32_t *)a].path,
				&nodes[*(const uint32_t *)b].path);
}

uint32_t *pool_closure_by_name(const struct pool_closure *c)
{
	uint32_t *list = mem_calloc(c->len, sizeof(*list));

	for (size_t i = 0; i < c->len; i++)
		list[i] = (uint32_t)i;
	if (c->len)
		qsort_r(list, c->len, sizeof(*list), compare_nodes, c->nodes);
	return list;
}

static uint32_t next_ref(void *ctx, uint32_t index, size_t i)
{
	const struct pool_closure *c = ctx;
	const struct pool_closure_node *node = &c->nodes[index];

	return i < node->nrefs ? node->refs[i] : TOPOSORT_END;
}

int pool_closure_order(const struct pool_closure *c, const uint32_t *by_name,
		       uint32_t **ret, struct nf_err *err)
{
	struct toposort t;
	int rc = 0;

	toposort_init(&t, c->len, next_ref, (void *)c);
	for (size_t i = 0; !rc && i < c->len; i++)
		if (!toposort_add(&t, by_name[i]))
			rc = err_set(
				err, NF_E_FORMAT, "'%s' and '%s' refer to each other",
				c->nodes[t.node].path.base, c->nodes[t.needed].path.base);
	if (!rc)
		*ret = TAKE_PTR(t.order);
	toposort_release(&t);
	return rc;
}
