#include "share.h"

struct link {
	double left;
	unsigned flows;
};

static double limit_of(const struct flow *f, const struct share_cache *caches,
		       const struct link *link)
{
	const struct share_cache *c = &caches[f->cache];
	double limit = f->cap, part = c->left / c->flows;

	if (part < limit)
		limit = part;
	if (f->is_linked && link->left / link->flows < limit)
		limit = link->left / link->flows;
	return limit > 0 ? limit : 0;
}

static void begin(struct flow *const *flows, size_t count, struct share_cache *caches,
		  struct link *link)
{
	for (size_t i = 0; i < count; i++)
		caches[flows[i]->cache].flows = 0;
	for (size_t i = 0; i < count; i++) {
		struct share_cache *c = &caches[flows[i]->cache];

		flows[i]->is_fixed = false;
		c->left = c->rate;
		c->flows++;
		link->flows += flows[i]->is_linked;
	}
}

static void fix(struct flow *f, double rate, struct share_cache *caches,
		struct link *link)
{
	f->is_fixed = true;
	f->rate = rate;
	caches[f->cache].left -= rate;
	caches[f->cache].flows--;
	if (f->is_linked) {
		link->left -= rate;
		link->flows--;
	}
}

/* Those with the lowest limit cannot get more: they are fixed, and leave the rest to the
 * others. */
void share(struct flow *const *flows, size_t count, struct share_cache *caches,
	   double link_rate)
{
	struct link link = { .left = link_rate };
	size_t left = count;

	begin(flows, count, caches, &link);
	while (left) {
		double least = SHARE_UNLIMITED;

		for (size_t i = 0; i < count; i++)
			if (!flows[i]->is_fixed) {
				double limit = limit_of(flows[i], caches, &link);

				least = limit < least ? limit : least;
			}
		for (size_t i = 0; i < count; i++)
			if (!flows[i]->is_fixed &&
			    limit_of(flows[i], caches, &link) <= least * (1 + 1e-9)) {
				fix(flows[i], least, caches, &link);
				left--;
			}
	}
}
