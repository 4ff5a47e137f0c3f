#include "base/toposort.h"

#include <stdlib.h>

#include "base/mem.h"

enum {
	MARK_NEW,
	MARK_OPEN,
	MARK_DONE,
};

struct toposort_visit {
	uint32_t node;
	uint32_t next; /* position among what it needs */
};

void toposort_init(struct toposort *t, size_t count, toposort_need_fn need, void *ctx)
{
	*t = (struct toposort){ .need = need, .ctx = ctx };
	t->order = mem_calloc(count, sizeof(*t->order));
	t->marks = mem_calloc(count, sizeof(*t->marks));
}

void toposort_release(struct toposort *t)
{
	free(t->order);
	free(t->marks);
	free(t->stack);
	*t = (struct toposort){ 0 };
}

static void enter(struct toposort *t, uint32_t node)
{
	t->marks[node] = MARK_OPEN;
	MEM_GROW(t->stack, t->depth, t->cap);
	t->stack[t->depth++] = (struct toposort_visit){ .node = node };
}

/* Continues with the innermost node. */
static bool step(struct toposort *t)
{
	struct toposort_visit *v = &t->stack[t->depth - 1];
	uint32_t needed = t->need(t->ctx, v->node, v->next++);

	if (needed == TOPOSORT_END) {
		t->marks[v->node] = MARK_DONE;
		t->order[t->len++] = v->node;
		t->depth--;
		return true;
	}
	if (needed == TOPOSORT_NONE || t->marks[needed] == MARK_DONE)
		return true;
	if (t->marks[needed] == MARK_OPEN) {
		t->node = v->node;
		t->needed = needed;
		return false;
	}
	enter(t, needed);
	return true;
}

bool toposort_add(struct toposort *t, uint32_t start)
{
	bool ok = true;

	if (t->marks[start] == MARK_NEW)
		enter(t, start);
	while (ok && t->depth)
		ok = step(t);
	return ok;
}
