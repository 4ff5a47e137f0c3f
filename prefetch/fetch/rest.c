#include "fetch/rest.h"

#include <stdlib.h>

#include "base/mem.h"

static void make_room(struct rest *r, uint32_t node)
{
	while (r->len <= node) {
		MEM_GROW(r->of_node, r->len, r->cap);
		r->of_node[r->len++] = 0;
	}
}

void rest_set(struct rest *r, uint32_t node, uint64_t bytes)
{
	make_room(r, node);
	r->total += bytes - r->of_node[node];
	r->of_node[node] = bytes;
}

void rest_release(struct rest *r)
{
	free(r->of_node);
	*r = (struct rest)REST_INIT;
}
