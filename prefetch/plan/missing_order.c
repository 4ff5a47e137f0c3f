#include "base/mem.h"
#include "plan/missing_private.h"

struct visit {
	uint32_t id;
	size_t next_input;
};

/* Depth first, with a stack of our own: chains are as long as derivations like. */
struct sorter {
	const struct missing *m;
	struct visit *stack;
	size_t depth;
	size_t sorted;
};

enum mark {
	NEW,
	OPEN,
	DONE,
};

static int fail_by_cycle(const struct sorter *s, const struct missing_node *node,
			 struct nf_err *err)
{
	const struct missing_node *last =
		missing_table_at(s->m, s->stack[s->depth - 1].id);

	if (last == node)
		return err_set(err, NF_E_FORMAT,
			       "'" NF_STORE_DIR "/%s' needs itself to be built",
			       node->base);
	return err_set(err, NF_E_FORMAT,
		       "'" NF_STORE_DIR
		       "/%s' needs itself to be built, through '" NF_STORE_DIR "/%s'",
		       node->base, last->base);
}

static int enter(struct sorter *s, uint32_t id, struct nf_err *err)
{
	struct missing_node *node = missing_table_at(s->m, id);

	if (!node->build || node->mark == DONE)
		return 0;
	if (node->mark == OPEN)
		return fail_by_cycle(s, node, err);
	node->mark = OPEN;
	s->stack[s->depth++] = (struct visit){ id, 0 };
	return 0;
}

static int sort_from(struct sorter *s, uint32_t start, struct nf_err *err)
{
	int rc = enter(s, start, err);

	while (!rc && s->depth) {
		struct visit *v = &s->stack[s->depth - 1];
		struct missing_node *node = missing_table_at(s->m, v->id);

		if (v->next_input == node->drv->ninputs) {
			node->mark = DONE;
			s->m->builds[s->sorted++] = v->id;
			s->depth--;
			continue;
		}
		rc = enter(s, node->drv->inputs[v->next_input++].node, err);
	}
	return rc;
}

int missing_order(struct missing *m, struct nf_err *err)
{
	AUTO_FREE struct visit *stack = mem_calloc(m->totals.build, sizeof(*stack));
	struct sorter s = { .m = m, .stack = stack };
	int rc = 0;

	m->builds = mem_calloc(m->totals.build, sizeof(*m->builds));
	for (uint32_t id = 0; !rc && id < m->count; id++)
		rc = sort_from(&s, id, err);
	return rc;
}
