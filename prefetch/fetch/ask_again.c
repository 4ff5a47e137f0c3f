#include "fetch/ask_again.h"

#include <string.h>

#include "base/mem.h"
#include "fetch/wanted_nar.h"

static void push(struct engine *e, const struct ask_again *q)
{
	wanted_nar_open(e, q->node);
	MEM_GROW(e->questions, e->question_count, e->question_cap);
	e->questions[e->question_count++] = *q;
}

void ask_again_cache(struct engine *e, uint32_t node, struct cache *c)
{
	if (resolver_asks_anew(e->resolver, node, c->index))
		push(e, &(struct ask_again){ c, node, true });
}

void ask_again_others(struct engine *e, uint32_t node, struct cache *from)
{
	push(e, &(struct ask_again){ from, node, false });
}

bool ask_again_is_due(const struct engine *e)
{
	return e->question_count > 0;
}

bool ask_again_take(struct engine *e, struct ask_again *ret)
{
	if (!e->question_count)
		return false;
	*ret = e->questions[0];
	e->question_count--;
	memmove(e->questions, e->questions + 1, e->question_count * sizeof(*ret));
	return true;
}
