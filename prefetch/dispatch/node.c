#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dispatch/state.h"

/* A compressed size that nobody reports is estimated as this fraction of the NAR's. */
#define GUESSED_RATIO 3

struct node *node_get(struct dispatch *d, uint32_t node)
{
	while (d->node_count <= node) {
		MEM_GROW(d->nodes, d->node_count, d->node_cap);
		d->nodes[d->node_count++] =
			(struct node){ .offers = NONE, .files = NONE };
	}
	return &d->nodes[node];
}

uint64_t node_guess(const struct node *n)
{
	return n->nar_size / GUESSED_RATIO;
}

void node_recount(struct dispatch *d, struct node *n)
{
	bool waits = n->wanted && !n->whole && n->parts == 0;

	if (waits == n->is_waiting)
		return;
	n->is_waiting = waits;
	if (waits)
		d->waiting++;
	else
		d->waiting--;
}

bool node_same_file(const struct offer *a, const struct offer *b)
{
	if (a == b)
		return true;
	return a->file_id && a->file_id == b->file_id && a->file_size == b->file_size &&
	       !a->no_range && !b->no_range && !a->is_local && !b->is_local;
}

uint32_t node_file(const struct dispatch *d, const struct node *n, uint32_t offer)
{
	for (uint32_t f = n->files; f != NONE; f = d->files[f].next)
		if (node_same_file(&d->offers[d->files[f].offer], &d->offers[offer]))
			return f;
	return NONE;
}

/* Equal for all offers of a shared file; no two offers with their own files are
 * equal. */
static uint32_t file_number(const struct dispatch *d, const struct node *n,
			    uint32_t offer)
{
	const struct offer *own = &d->offers[offer];
	uint32_t least = own->cache;

	if (own->no_range || n->solo)
		return 2 * least + 1;
	for (uint32_t s = n->offers; s != NONE; s = d->offers[s].next)
		if (d->offers[s].cache < least && node_same_file(&d->offers[s], own))
			least = d->offers[s].cache;
	return 2 * least;
}

uint32_t file_new(struct dispatch *d, uint32_t node, uint32_t offer)
{
	uint32_t id = d->free_file;
	struct file *f;

	if (id != NONE) {
		d->free_file = d->files[id].next;
	} else {
		MEM_GROW(d->files, d->file_count, d->file_cap);
		id = (uint32_t)d->file_count++;
	}
	f = &d->files[id];
	*f = (struct file){
		.node = node,
		.next = d->nodes[node].files,
		.number = file_number(d, &d->nodes[node], offer),
		.offer = offer,
		.size = d->offers[offer].file_size,
		.brought_by = NONE,
	};
	d->nodes[node].files = id;
	byte_ranges_add(&f->holes, 0, f->size ? f->size : DISPATCH_TO_END);
	return id;
}

void file_drop(struct dispatch *d, uint32_t file)
{
	struct file *f = &d->files[file];
	uint32_t *at = &d->nodes[f->node].files;

	while (*at != file)
		at = &d->files[*at].next;
	*at = f->next;
	byte_ranges_release(&f->holes);
	*f = (struct file){ .node = NONE, .next = d->free_file };
	d->free_file = file;
}

uint64_t file_missing(const struct dispatch *d, const struct file *f)
{
	uint64_t guess = node_guess(&d->nodes[f->node]);
	uint64_t sum = 0;

	for (size_t i = 0; i < f->holes.len; i++) {
		const struct byte_range *r = &f->holes.list[i];

		if (r->end != DISPATCH_TO_END)
			sum += r->end - r->from;
		else if (guess > r->from)
			sum += guess - r->from;
	}
	return sum;
}

void file_brought_by(struct file *f, uint32_t cache)
{
	if (f->brought_by == NONE)
		f->brought_by = cache;
	else if (f->brought_by != cache)
		f->brought_by_several = true;
}

uint64_t node_missing(const struct dispatch *d, uint32_t offer)
{
	const struct offer *s = &d->offers[offer];
	const struct node *n = &d->nodes[s->node];
	uint32_t file = node_file(d, n, offer);

	if (file != NONE && !s->no_range)
		return file_missing(d, &d->files[file]);
	return s->file_size ? s->file_size : node_guess(n);
}
