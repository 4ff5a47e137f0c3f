#include "fetch/rest.h"

#include <stdlib.h>

#include "base/mem.h"

static void make_room(struct rest *r, uint32_t node)
{
	while (r->len <= node) {
		MEM_GROW(r->nodes, r->len, r->cap);
		r->nodes[r->len++] = (struct rest_node){ 0 };
	}
}

void rest_set(struct rest *r, uint32_t node, uint64_t bytes)
{
	struct rest_node *n;

	make_room(r, node);
	n = &r->nodes[node];
	r->total += bytes - n->rest;
	r->come -= n->most - n->rest;
	n->rest = bytes;
	if (n->most < bytes)
		n->most = bytes;
	r->come += n->most - n->rest;
}

void rest_release(struct rest *r)
{
	free(r->nodes);
	*r = (struct rest)REST_INIT;
}
