#include "cmd/have.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const struct cmd_option options[] = {
	{ .name = "have",
	  .value = "WHAT",
	  .help = "leave out what the target has: an inventory (- is standard input), a bundle, the root of a store, or an installable with its closure",
	  .kind = CMD_VALUE_INSTALLABLE,
	  .repeatable = true },
	{ .name = "have-all",
	  .value = "WHAT",
	  .help = "leave out what each of several targets has: given once for each of them",
	  .kind = CMD_VALUE_INSTALLABLE,
	  .repeatable = true },
	{ .name = "delta-from",
	  .value = "WHAT",
	  .help = "as --have, and carry what is like something there as a patch of it, where that is smaller",
	  .kind = CMD_VALUE_INSTALLABLE,
	  .repeatable = true },
	{ 0 },
};
const struct cmd_option_group have_options = { "What targets have", options };

static const struct cmd_option verify_options[] = {
	{ .name = "have",
	  .value = "WHAT",
	  .help = "check that this has what the bundle requires: an inventory (- is standard input), a bundle or the root of a store",
	  .kind = CMD_VALUE_INSTALLABLE,
	  .repeatable = true },
	{ 0 },
};
const struct cmd_option_group have_verify_options = { "Target", verify_options };

/* What one option names. */
struct had {
	const char *option; /* without its hyphens */
	bool of_all, is_base;
	struct named_paths what;
};

struct have {
	struct had *items;
	size_t count, cap;
	struct inventory inventory;
	struct inventory bases;
	char **made_from;
	size_t made_from_count, made_from_cap;
};

void have_free(struct have *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->count; i++)
		named_paths_release(&h->items[i].what);
	for (size_t i = 0; i < h->made_from_count; i++)
		free(h->made_from[i]);
	free(h->made_from);
	free(h->items);
	inventory_release(&h->inventory);
	inventory_release(&h->bases);
	free(h);
}

/* ---- opening ---- */

static int open_all(struct have *h, const struct cmd_args *args, const char *option,
		    struct nf_err *err)
{
	const char *arg;
	int rc = 0;

	for (size_t i = 0; !rc && (arg = cmd_args_nth(args, option, i)); i++) {
		MEM_GROW(h->items, h->count, h->cap);
		h->items[h->count] = (struct had){
			.option = option,
			.of_all = strcmp(option, "have-all") == 0,
			.is_base = strcmp(option, "delta-from") == 0,
		};
		rc = named_paths_open(&h->items[h->count++].what, arg, err);
	}
	return rc ? err_prefix(err, rc, "option '--%s'", option) : 0;
}

int have_open(struct have **ret, const struct cmd_args *args, bool with_all,
	      struct nf_err *err)
{
	AUTO(have_freep) struct have *h = mem_calloc(1, sizeof(*h));
	int rc = open_all(h, args, "have", err);

	if (!rc && with_all)
		rc = open_all(h, args, "have-all", err);
	if (!rc && with_all)
		rc = open_all(h, args, "delta-from", err);
	*ret = !rc && h->count ? TAKE_PTR(h) : NULL;
	return rc;
}

void have_grant(const struct have *h, struct sandbox *s)
{
	for (size_t i = 0; h && i < h->count; i++)
		named_paths_grant(&h->items[i].what, s);
}

const char *have_store_root(const struct have *h)
{
	for (size_t i = 0; h && i < h->count; i++)
		if (h->items[i].what.root)
			return h->items[i].what.root;
	return NULL;
}

/* ---- reading ---- */

struct have_reading {
	struct have *have;
	struct inventory *ret;
};

static int take_path(void *ctx, const struct nf_bundle_required *path,
		     const struct nf_pathinfo *info, struct nf_err *err)
{
	struct have_reading *r = ctx;

	(void)info;
	(void)err;
	inventory_add(r->ret, &path->path, &path->nar_hash);
	return 0;
}

/* A target that imported a bundle has what it carries and what it requires. */
static int take_required(void *ctx, const struct nf_bundle_required *path,
			 struct nf_err *err)
{
	return take_path(ctx, path, NULL, err);
}

static void take_made_from(void *ctx, const struct nf_storepath *path)
{
	struct have *h = ((struct have_reading *)ctx)->have;

	MEM_GROW(h->made_from, h->made_from_count, h->made_from_cap);
	h->made_from[h->made_from_count++] = mem_strdup(path->base);
}

static int read_one(struct have *h, struct inventory *ret, struct had *had,
		    const struct named_sources *sources, struct nf_err *err)
{
	struct have_reading r = { h, ret };
	const struct named_visitor visitor = { take_path, take_required, take_made_from,
					       .ctx = &r };

	return named_paths_read(&had->what, sources, &visitor, err);
}

int have_load(struct have *h, const struct named_sources *sources, struct nf_err *err)
{
	AUTO(inventory_release) struct inventory of_all = { 0 };
	bool first = true;
	int rc = 0;

	for (size_t i = 0; h && !rc && i < h->count; i++) {
		AUTO(inventory_release) struct inventory one = { 0 };

		rc = read_one(h, &one, &h->items[i], sources, err);
		if (rc)
			return err_prefix(err, rc, "option '--%s'", h->items[i].option);
		inventory_sort(&one);
		if (h->items[i].is_base)
			inventory_merge(&h->bases, &one);
		if (!h->items[i].of_all)
			inventory_merge(&h->inventory, &one);
		else if (first)
			inventory_merge(&of_all, &one);
		else
			inventory_intersect(&of_all, &one);
		first = first && !h->items[i].of_all;
	}
	if (h && !rc)
		inventory_merge(&h->inventory, &of_all);
	return rc;
}

void have_add(struct have **h, const struct inventory *inv)
{
	if (!*h)
		*h = mem_calloc(1, sizeof(**h));
	inventory_merge(&(*h)->inventory, inv);
}

const struct inventory *have_inventory(const struct have *h)
{
	return h ? &h->inventory : NULL;
}

const struct inventory *have_bases(const struct have *h)
{
	return h ? &h->bases : NULL;
}

void have_set_terms(const struct have *h, struct nf_bundle_terms *terms)
{
	if (!h)
		return;
	terms->required = h->inventory.items;
	terms->required_count = h->inventory.count;
	terms->made_from = (const char *const *)h->made_from;
	terms->made_from_count = h->made_from_count;
}
