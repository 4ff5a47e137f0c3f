#include "base/mem.h"
#include "base/toposort.h"
#include "plan/missing_private.h"

/* The next derivation that must be built before it. */
static uint32_t next_build(void *ctx, uint32_t id, size_t i)
{
	const struct missing *m = ctx;
	const struct missing_drv *drv = missing_table_at(m, id)->drv;
	uint32_t input;

	if (i == drv->ninputs)
		return TOPOSORT_END;
	input = drv->inputs[i].node;
	return missing_table_at(m, input)->build ? input : TOPOSORT_NONE;
}

static int fail_by_circle(const struct missing *m, const struct toposort *t,
			  struct nf_err *err)
{
	const struct missing_node *node = missing_table_at(m, t->needed);
	const struct missing_node *last = missing_table_at(m, t->node);

	if (last == node)
		return err_set(err, NF_E_FORMAT,
			       "'" NF_STORE_DIR "/%s' needs itself to be built",
			       node->base);
	return err_set(err, NF_E_FORMAT,
		       "'" NF_STORE_DIR
		       "/%s' needs itself to be built, through '" NF_STORE_DIR "/%s'",
		       node->base, last->base);
}

int missing_order(struct missing *m, struct nf_err *err)
{
	struct toposort t;
	int rc = 0;

	toposort_init(&t, m->count, next_build, m);
	for (uint32_t id = 0; !rc && id < m->count; id++)
		if (missing_table_at(m, id)->build && !toposort_add(&t, id))
			rc = fail_by_circle(m, &t, err);
	m->builds = TAKE_PTR(t.order);
	toposort_release(&t);
	return rc;
}
