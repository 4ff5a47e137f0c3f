#include "store/intake_batch.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"

struct batch_visit {
	size_t path;
	size_t next_ref;
	bool is_blocked;
};

enum batch_mark {
	NEW,
	OPEN,
	DONE,
};

/* Depth first, with an explicit stack: an attacker may choose the length of a chain of
 * references. */
struct search {
	struct intake_wait *paths;
	struct map by_base;
	enum batch_mark *marks;
	struct batch_visit *stack;
	size_t depth;
	intake_has_fn has;
	void *ctx;
	size_t *order;
	size_t ready;
};

static void search_init(struct search *s, struct intake_wait *paths, size_t count)
{
	bool is_new;

	map_init(&s->by_base);
	for (size_t i = 0; i < count; i++)
		*map_put(&s->by_base, nf_storepath_base(&paths[i].info->path), &is_new) =
			i;
	s->paths = paths;
	s->marks = mem_calloc(count, sizeof(*s->marks));
	s->stack = mem_calloc(count, sizeof(*s->stack));
}

static void search_release(struct search *s)
{
	map_release(&s->by_base);
	free(s->marks);
	free(s->stack);
}

static void enter(struct search *s, size_t path)
{
	s->marks[path] = OPEN;
	s->stack[s->depth++] = (struct batch_visit){ .path = path };
}

static void block(struct search *s, struct batch_visit *v, struct nf_slice missing)
{
	if (!v->is_blocked)
		s->paths[v->path].missing = missing;
	v->is_blocked = true;
}

static void leave(struct search *s)
{
	const struct batch_visit *v = &s->stack[--s->depth];

	s->marks[v->path] = DONE;
	s->paths[v->path].is_ready = !v->is_blocked;
	if (!v->is_blocked)
		s->order[s->ready++] = v->path;
	else if (s->depth)
		block(s, &s->stack[s->depth - 1], s->paths[v->path].missing);
}

static int follow(struct search *s, struct batch_visit *v, struct nf_slice ref,
		  struct nf_err *err)
{
	const uintptr_t *at = map_get(&s->by_base, ref);
	bool there = false;
	int rc;

	if (!at) {
		rc = s->has(s->ctx, ref, &there, err);
		if (!rc && !there)
			block(s, v, ref);
		return rc;
	}
	if (*at == v->path)
		return 0;
	if (s->marks[*at] == NEW)
		enter(s, *at);
	else if (s->marks[*at] == OPEN)
		block(s, v, (struct nf_slice){ 0 });
	else if (!s->paths[*at].is_ready)
		block(s, v, s->paths[*at].missing);
	return 0;
}

static int search_from(struct search *s, size_t start, struct nf_err *err)
{
	int rc = 0;

	enter(s, start);
	while (!rc && s->depth) {
		struct batch_visit *v = &s->stack[s->depth - 1];
		const struct nf_pathinfo *info = s->paths[v->path].info;

		if (v->is_blocked || v->next_ref == info->nrefs)
			leave(s);
		else
			rc = follow(s, v, info->refs[v->next_ref++], err);
	}
	return rc;
}

int intake_batch_find(struct intake_wait *paths, size_t count, intake_has_fn has,
		      void *ctx, size_t *order, size_t *ret_ready, struct nf_err *err)
{
	struct search s = { .has = has, .ctx = ctx, .order = order };
	int rc = 0;

	search_init(&s, paths, count);
	for (size_t i = 0; !rc && i < count; i++)
		if (s.marks[i] == NEW)
			rc = search_from(&s, i, err);
	*ret_ready = s.ready;
	search_release(&s);
	return rc;
}
