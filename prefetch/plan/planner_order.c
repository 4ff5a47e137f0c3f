#include "base/mem.h"
#include "base/toposort.h"
#include "plan/planner_private.h"

/* The next derivation that must be built before it. */
static uint32_t next_build(void *ctx, uint32_t id, size_t i)
{
	const struct planner *m = ctx;
	const struct planner_drv *drv = planner_table_at(m, id)->drv;
	uint32_t input;

	if (i == drv->ninputs)
		return TOPOSORT_END;
	input = drv->inputs[i].node;
	return planner_table_at(m, input)->build ? input : TOPOSORT_NONE;
}

static int fail_by_circle(const struct planner *m, const struct toposort *t,
			  struct nf_err *err)
{
	const struct planner_node *node = planner_table_at(m, t->needed);
	const struct planner_node *last = planner_table_at(m, t->node);

	if (last == node)
		return err_set(err, NF_E_FORMAT,
			       "'" NF_STORE_DIR "/%s' needs itself to be built",
			       node->base);
	return err_set(err, NF_E_FORMAT,
		       "'" NF_STORE_DIR
		       "/%s' needs itself to be built, through '" NF_STORE_DIR "/%s'",
		       node->base, last->base);
}

int planner_order(struct planner *m, struct nf_err *err)
{
	struct toposort t;
	int rc = 0;

	toposort_init(&t, m->count, next_build, m);
	for (uint32_t id = 0; !rc && id < m->count; id++)
		if (planner_table_at(m, id)->build && !toposort_add(&t, id))
			rc = fail_by_circle(m, &t, err);
	m->builds = TAKE_PTR(t.order);
	toposort_release(&t);
	return rc;
}
