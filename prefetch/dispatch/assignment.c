/* What a cache was asked for: bytes of a file, from the order until the end of the
 * part. */
#include "base/mem.h"
#include "dispatch/state.h"

uint32_t assignment_new(struct dispatch *d, uint32_t offer, uint32_t file,
			struct byte_range range)
{
	const struct offer *s = &d->offers[offer];
	struct supplier *c = &d->caches[s->cache];
	uint32_t id = d->free_part;

	if (id != NONE) {
		d->free_part = d->parts[id].next;
	} else {
		MEM_GROW(d->parts, d->part_count, d->part_cap);
		id = (uint32_t)d->part_count++;
	}
	d->parts[id] = (struct assignment){
		.is_active = true,
		.node = s->node,
		.file = file,
		.offer = offer,
		.cache = s->cache,
		.twin = NONE,
		.from = range.from,
		.at = range.from,
		.end = range.end,
	};
	d->files[file].parts++;
	d->nodes[s->node].parts++;
	d->active[c->facts.local]++;
	c->active++;
	speed_part_begins(d, &d->parts[id]);
	return id;
}

/* The part no longer counts; its number is free once the caller knows. */
void assignment_stop(struct dispatch *d, struct assignment *p)
{
	if (p->twin != NONE)
		d->parts[p->twin].twin = NONE;
	p->twin = NONE;
	d->files[p->file].parts--;
	d->nodes[p->node].parts--;
}

void assignment_free(struct dispatch *d, uint32_t part)
{
	struct assignment *p = &d->parts[part];
	struct supplier *c = &d->caches[p->cache];

	speed_part_over(d, p);
	d->active[c->facts.local]--;
	c->active--;
	offer_cache(d, p->cache);
	*p = (struct assignment){ .next = d->free_part };
	d->free_part = part;
}

void assignment_cancel(struct dispatch *d, uint32_t part)
{
	struct assignment *p = &d->parts[part];

	assignment_stop(d, p);
	p->is_cancelled = true;
	MEM_GROW(d->cancelled.ids, d->cancelled.len, d->cancelled.cap);
	d->cancelled.ids[d->cancelled.len++] = part;
}
