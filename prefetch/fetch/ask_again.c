#include "fetch/ask_again.h"

#include <string.h>

#include "base/mem.h"
#include "fetch/wanted_nar.h"

static void push(struct engine *e, const struct ask_again *q)
{
	wanted_nar_open(e, q->node);
	MEM_GROW(e->questions.items, e->questions.count, e->questions.cap);
	e->questions.items[e->questions.count++] = *q;
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
	return e->questions.count > 0;
}

bool ask_again_take(struct engine *e, struct ask_again *ret)
{
	if (!e->questions.count)
		return false;
	*ret = e->questions.items[0];
	e->questions.count--;
	memmove(e->questions.items, e->questions.items + 1,
		e->questions.count * sizeof(*ret));
	return true;
}
