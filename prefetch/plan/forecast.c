#include "plan/forecast.h"

#include <stdlib.h>

#include "base/mem.h"

/* The referrers of each node: those of node N are at first[N] to first[N + 1]. */
struct referrers {
	uint32_t *first;
	uint32_t *nodes;
};

static void count_referrers(struct referrers *ret, const struct resolver *r)
{
	uint32_t count = resolver_count(r);

	for (uint32_t id = 0; id < count; id++) {
		const struct resolver_node *n = resolver_node(r, id);

		for (uint32_t i = 0; i < n->nrefs; i++)
			ret->first[n->refs[i] + 1]++;
	}
	for (uint32_t id = 0; id < count; id++)
		ret->first[id + 1] += ret->first[id];
}

static void find_referrers(struct referrers *ret, const struct resolver *r)
{
	uint32_t count = resolver_count(r);
	AUTO_FREE uint32_t *at = NULL;

	ret->first = mem_calloc(count + 1, sizeof(*ret->first));
	count_referrers(ret, r);
	ret->nodes = mem_calloc(ret->first[count], sizeof(*ret->nodes));
	at = mem_calloc(count, sizeof(*at));
	for (uint32_t id = 0; id < count; id++) {
		const struct resolver_node *n = resolver_node(r, id);

		for (uint32_t i = 0; i < n->nrefs; i++) {
			uint32_t ref = n->refs[i];

			ret->nodes[ret->first[ref] + at[ref]++] = id;
		}
	}
}

/* TODO contains LEN nodes that lack something. */
static void spread(struct forecast *w, const struct referrers *referrers, uint32_t *todo,
		   uint32_t len)
{
	while (len) {
		uint32_t id = todo[--len];

		for (uint32_t i = referrers->first[id]; i < referrers->first[id + 1];
		     i++) {
			uint32_t referrer = referrers->nodes[i];

			if (w->lacks[referrer])
				continue;
			w->lacks[referrer] = true;
			w->others++;
			todo[len++] = referrer;
		}
	}
}

void forecast_make(struct forecast *ret, const struct resolver *r)
{
	uint32_t count = resolver_count(r), len = 0;
	AUTO_FREE uint32_t *todo = mem_calloc(count, sizeof(*todo));
	struct referrers referrers = { 0 };

	*ret = (struct forecast){ .lacks = mem_calloc(count, sizeof(*ret->lacks)) };
	for (uint32_t id = 0; id < count; id++) {
		const struct resolver_node *n = resolver_node(r, id);
		int why = n->why ? n->why : NF_E_MISSING;

		if (n->state != RESOLVER_UNKNOWN)
			continue;
		ret->lacks[id] = true;
		todo[len++] = id;
		if (err_gravity(why) > err_gravity(ret->why))
			ret->why = why;
	}
	ret->unknown = len;
	if (len) {
		find_referrers(&referrers, r);
		spread(ret, &referrers, todo, len);
	}
	ret->count = count - ret->unknown - ret->others;
	free(referrers.first);
	free(referrers.nodes);
}

void forecast_release(struct forecast *w)
{
	free(w->lacks);
	*w = (struct forecast){ 0 };
}
