#include "cmd/diff_side.h"

#include <stdlib.h>

#include "base/mem.h"

struct diff_facts {
	struct nf_slice *refs; /* base names, if they are known */
	size_t nrefs;
	bool has_refs;
	bool is_required; /* of the target of a bundle */
};

void diff_side_init(struct diff_side *side)
{
	*side = (struct diff_side){ .what.fd = -1 };
	map_init(&side->by_base);
	arena_init(&side->arena);
}

void diff_side_release(struct diff_side *side)
{
	named_paths_release(&side->what);
	path_diff_side_release(&side->paths);
	free(side->facts);
	map_release(&side->by_base);
	arena_release(&side->arena);
}

/* Returns its facts, or NULL if it is there already. */
static struct diff_facts *add_item(struct diff_side *side,
				   const struct path_diff_item *item)
{
	struct nf_slice base = nf_storepath_base(&item->path);
	size_t at = side->paths.count;
	bool is_new;

	if (map_get(&side->by_base, base))
		return NULL;
	*map_put(&side->by_base, arena_slice(&side->arena, base), &is_new) = at;
	MEM_GROW(side->facts, at, side->facts_cap);
	side->facts[at] = (struct diff_facts){ 0 };
	path_diff_add(&side->paths, item);
	return &side->facts[at];
}

static int take_path(void *ctx, const struct nf_bundle_required *path,
		     const struct nf_pathinfo *info, struct nf_err *err)
{
	struct diff_side *side = ctx;
	const struct path_diff_item item = { .path = path->path,
					     .nar_hash = path->nar_hash,
					     .nar_size = info ? info->nar_size : 0 };
	struct diff_facts *facts = add_item(side, &item);

	(void)err;
	if (!facts || !info)
		return 0;
	facts->has_refs = true;
	facts->refs = arena_calloc(&side->arena, info->nrefs, sizeof(*facts->refs));
	for (size_t i = 0; i < info->nrefs; i++)
		facts->refs[facts->nrefs++] = arena_slice(&side->arena, info->refs[i]);
	return 0;
}

static int take_required(void *ctx, const struct nf_bundle_required *path,
			 struct nf_err *err)
{
	const struct path_diff_item item = { .path = path->path,
					     .nar_hash = path->nar_hash };
	struct diff_facts *facts = add_item(ctx, &item);

	(void)err;
	if (facts)
		facts->is_required = true;
	return 0;
}

int diff_side_read(struct diff_side *side, const struct named_sources *sources,
		   struct nf_err *err)
{
	const struct named_visitor visitor = { .path = take_path,
					       .required = take_required,
					       .with_infos = true,
					       .ctx = side };

	return named_paths_read(&side->what, sources, &visitor, err);
}

/* The facts of OTHER about the same path with the same contents. */
static const struct diff_facts *facts_of(const struct diff_side *other,
					 const struct path_diff_item *item)
{
	const uintptr_t *place = map_get(&other->by_base, nf_storepath_base(&item->path));

	if (!place || !nf_hash_eq(&other->paths.items[*place].nar_hash, &item->nar_hash))
		return NULL;
	return &other->facts[*place];
}

static void add_refs(struct diff_side *side, const struct diff_side *other,
		     const struct diff_facts *facts)
{
	for (size_t i = 0; i < facts->nrefs; i++) {
		const uintptr_t *place = map_get(&other->by_base, facts->refs[i]);
		struct diff_facts *added =
			place ? add_item(side, &other->paths.items[*place]) : NULL;

		if (added)
			added->is_required = true;
	}
}

void diff_side_complete(struct diff_side *side, const struct diff_side *other)
{
	/* What is added is looked at in turn. */
	for (size_t i = 0; i < side->paths.count; i++) {
		const struct diff_facts *facts;

		if (!side->facts[i].is_required)
			continue;
		facts = facts_of(other, &side->paths.items[i]);
		if (facts && facts->has_refs)
			add_refs(side, other, facts);
		else
			side->unknown++;
	}
}
