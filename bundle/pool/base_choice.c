#include "pool/base_choice.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/path_name.h"

struct name_parts {
	const struct nf_bundle_required *base;
	struct nf_slice stem;	/* "openssl" of "openssl-3.0.14-dev" */
	struct nf_slice output; /* "-dev" */
};

struct base_choice {
	struct name_parts *list; /* by stem, then by base name */
	size_t count;
};

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void split_name(struct name_parts *parts, struct nf_slice name)
{
	size_t at, last;

	parts->stem = path_name_stem(name);
	at = parts->stem.len;
	for (last = name.len; last > at && is_letter(name.ptr[last - 1]);)
		last--;
	parts->output = nf_slice(NULL, 0);
	if (last > at + 1 && last < name.len && name.ptr[last - 1] == '-')
		parts->output = nf_slice(name.ptr + last - 1, name.len - last + 1);
}

static int cmp_parts(const void *a, const void *b)
{
	const struct name_parts *x = a, *y = b;
	int order = nf_slice_cmp(x->stem, y->stem);

	return order ? order : nf_storepath_cmp(&x->base->path, &y->base->path);
}

struct base_choice *base_choice_new(const struct inventory *bases)
{
	struct base_choice *c = mem_calloc(1, sizeof(*c));

	c->list = mem_calloc(bases->count + 1, sizeof(*c->list));
	for (size_t i = 0; i < bases->count; i++) {
		if (nf_storepath_is_drv(&bases->items[i].path))
			continue;
		c->list[c->count].base = &bases->items[i];
		split_name(&c->list[c->count++],
			   nf_storepath_name(&bases->items[i].path));
	}
	qsort(c->list, c->count, sizeof(*c->list), cmp_parts);
	return c;
}

void base_choice_free(struct base_choice *c)
{
	if (!c)
		return;
	free(c->list);
	free(c);
}

/* 0 for the same name, 1 for the same output, 2 otherwise. */
static int rank_of(const struct name_parts *wanted, struct nf_slice name,
		   const struct name_parts *p)
{
	if (nf_slice_eq(nf_storepath_name(&p->base->path), name))
		return 0;
	return nf_slice_eq(p->output, wanted->output) ? 1 : 2;
}

static size_t first_of_stem(const struct base_choice *c, struct nf_slice stem)
{
	size_t low = 0, high = c->count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (nf_slice_cmp(c->list[mid].stem, stem) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

size_t base_choice_find(const struct base_choice *c, const struct nf_storepath *path,
			const struct nf_bundle_required **ret, size_t max)
{
	struct nf_slice name = nf_storepath_name(path);
	struct name_parts wanted = { 0 };
	size_t count = 0, first;

	split_name(&wanted, name);
	first = first_of_stem(c, wanted.stem);
	for (int rank = 0; rank <= 2; rank++)
		for (size_t i = first;
		     i < c->count && nf_slice_eq(c->list[i].stem, wanted.stem); i++)
			if (count < max && rank_of(&wanted, name, &c->list[i]) == rank)
				ret[count++] = c->list[i].base;
	return count;
}
