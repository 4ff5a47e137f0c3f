#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dispatch/state.h"

/* Compressed sizes that nobody tells are taken to be this part of the NAR's. */
#define GUESSED_RATIO 3

struct node *node_get(struct dispatch *d, uint32_t node)
{
	while (d->node_count <= node) {
		MEM_GROW(d->nodes, d->node_count, d->node_cap);
		d->nodes[d->node_count++] =
			(struct node){ .sources = NONE, .files = NONE };
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

bool node_same_file(const struct source *a, const struct source *b)
{
	if (a == b)
		return true;
	return a->file_id && a->file_id == b->file_id && a->file_size == b->file_size &&
	       !a->no_range && !b->no_range && !a->is_local && !b->is_local;
}

uint32_t node_file(const struct dispatch *d, const struct node *n, uint32_t source)
{
	for (uint32_t f = n->files; f != NONE; f = d->files[f].next)
		if (node_same_file(&d->sources[d->files[f].source], &d->sources[source]))
			return f;
	return NONE;
}

/* The same for all sources of a file, and none for what is the source's alone. */
static uint32_t file_number(const struct dispatch *d, const struct node *n,
			    uint32_t source)
{
	const struct source *own = &d->sources[source];
	uint32_t least = own->cache;

	if (own->no_range || n->solo)
		return 2 * least + 1;
	for (uint32_t s = n->sources; s != NONE; s = d->sources[s].next)
		if (d->sources[s].cache < least && node_same_file(&d->sources[s], own))
			least = d->sources[s].cache;
	return 2 * least;
}

uint32_t file_new(struct dispatch *d, uint32_t node, uint32_t source)
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
		.number = file_number(d, &d->nodes[node], source),
		.source = source,
		.size = d->sources[source].file_size,
		.by = NONE,
	};
	d->nodes[node].files = id;
	file_add_hole(f, 0, f->size ? f->size : DISPATCH_TO_END);
	return id;
}

void file_drop(struct dispatch *d, uint32_t file)
{
	struct file *f = &d->files[file];
	uint32_t *at = &d->nodes[f->node].files;

	while (*at != file)
		at = &d->files[*at].next;
	*at = f->next;
	free(f->holes);
	*f = (struct file){ .node = NONE, .next = d->free_file };
	d->free_file = file;
}

static void hole_insert(struct file *f, uint32_t at, struct run run)
{
	MEM_GROW(f->holes, f->hole_count, f->hole_cap);
	memmove(&f->holes[at + 1], &f->holes[at],
		(f->hole_count - at) * sizeof(*f->holes));
	f->holes[at] = run;
	f->hole_count++;
}

static void hole_remove(struct file *f, uint32_t at)
{
	f->hole_count--;
	memmove(&f->holes[at], &f->holes[at + 1],
		(f->hole_count - at) * sizeof(*f->holes));
}

void file_add_hole(struct file *f, uint64_t from, uint64_t end)
{
	uint32_t at = 0;

	if (from >= end)
		return;
	while (at < f->hole_count && f->holes[at].end < from)
		at++;
	while (at < f->hole_count && f->holes[at].from <= end) {
		from = f->holes[at].from < from ? f->holes[at].from : from;
		end = f->holes[at].end > end ? f->holes[at].end : end;
		hole_remove(f, at);
	}
	hole_insert(f, at, (struct run){ from, end });
}

void file_fill(struct file *f, uint64_t from, uint64_t end)
{
	uint32_t at = 0;

	if (from >= end)
		return;
	while (at < f->hole_count && f->holes[at].end <= from)
		at++;
	while (at < f->hole_count && f->holes[at].from < end) {
		struct run hole = f->holes[at];

		hole_remove(f, at);
		if (hole.from < from)
			hole_insert(f, at++, (struct run){ hole.from, from });
		if (end < hole.end)
			hole_insert(f, at++, (struct run){ end, hole.end });
	}
}

struct run file_take_hole(struct file *f)
{
	struct run first = f->holes[0];

	hole_remove(f, 0);
	return first;
}

static uint64_t end_of(uint64_t size)
{
	return size ? size : DISPATCH_TO_END;
}

/* How much of a run lies behind FROM. */
static uint64_t behind(uint64_t from, struct run run)
{
	if (run.end <= from)
		return 0;
	return run.end - (run.from > from ? run.from : from);
}

static bool is_part_of(const struct part *p, uint32_t file)
{
	return p->is_active && !p->is_cancelled && p->file == file;
}

/* Bytes behind FROM that are missing or under way; those of a race count twice. */
static uint64_t missing_behind(const struct dispatch *d, uint32_t file, uint64_t from)
{
	const struct file *f = &d->files[file];
	uint64_t sum = 0;

	for (uint32_t i = 0; i < f->hole_count; i++)
		sum += behind(from, f->holes[i]);
	for (uint32_t i = 0; f->parts && i < d->part_count; i++)
		if (is_part_of(&d->parts[i], file))
			sum += behind(from,
				      (struct run){ d->parts[i].at, d->parts[i].end });
	return sum;
}

static void shorten(struct dispatch *d, uint32_t file, uint64_t end)
{
	file_fill(&d->files[file], end, DISPATCH_TO_END);
	for (uint32_t i = 0; d->files[file].parts && i < d->part_count; i++) {
		struct part *p = &d->parts[i];

		if (!is_part_of(p, file) || p->end <= end)
			continue;
		p->end = end;
		if (p->at > end)
			p->from = p->at = end;
		speed_part_resized(d, p);
	}
}

bool file_resize(struct dispatch *d, uint32_t file, uint32_t part, uint64_t size)
{
	struct file *f = &d->files[file];
	uint64_t old = end_of(f->size), end = end_of(size);

	if (end < old && missing_behind(d, file, end) < old - end)
		return false;
	if (end < old) {
		shorten(d, file, end);
	} else if (part != NONE && d->parts[part].end == old) {
		d->parts[part].end = end;
		speed_part_resized(d, &d->parts[part]);
	} else {
		file_add_hole(f, old, end);
	}
	f->size = size;
	return true;
}

uint64_t file_missing(const struct dispatch *d, const struct file *f)
{
	uint64_t guess = node_guess(&d->nodes[f->node]);
	uint64_t sum = 0;

	for (uint32_t i = 0; i < f->hole_count; i++) {
		const struct run *r = &f->holes[i];

		if (r->end != DISPATCH_TO_END)
			sum += r->end - r->from;
		else if (guess > r->from)
			sum += guess - r->from;
	}
	return sum;
}

void file_brought_by(struct file *f, uint32_t cache)
{
	if (f->by == NONE)
		f->by = cache;
	else if (f->by != cache)
		f->by_several = true;
}
