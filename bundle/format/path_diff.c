#include "format/path_diff.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "format/path_name.h"

/* ---- names ---- */

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_output(struct nf_slice word)
{
	if (nf_slice_is(word, "lib32") || nf_slice_is(word, "lib64"))
		return true;
	for (size_t i = 0; i < word.len; i++)
		if (!is_lower(word.ptr[i]))
			return false;
	return word.len > 0;
}

static struct nf_slice without_output(struct nf_slice name)
{
	for (size_t i = name.len; i-- > 0;)
		if (name.ptr[i] == '-')
			return is_output(nf_slice(name.ptr + i + 1, name.len - i - 1))
				       ? nf_slice(name.ptr, i)
				       : name;
	return name;
}

void path_diff_split(struct nf_slice path_name, struct nf_slice *ret_name,
		     struct nf_slice *ret_version)
{
	struct nf_slice name = without_output(path_name);
	struct nf_slice stem = path_name_stem(name);
	size_t at = stem.len < name.len ? stem.len + 1 : name.len;

	*ret_name = stem;
	*ret_version = nf_slice(name.ptr + at, name.len - at);
}

static void split_item(const struct path_diff_item *item, struct nf_slice *ret_name,
		       struct nf_slice *ret_version)
{
	path_diff_split(nf_slice_str(item->path.base + NF_STOREPATH_HASH_LEN + 1),
			ret_name, ret_version);
}

static struct nf_slice name_of(const struct path_diff_item *item)
{
	struct nf_slice name, version;

	split_item(item, &name, &version);
	return name;
}

static struct nf_slice version_of(const struct path_diff_item *item)
{
	struct nf_slice name, version;

	split_item(item, &name, &version);
	return version;
}

/* ---- sides ---- */

void path_diff_add(struct path_diff_side *side, const struct path_diff_item *item)
{
	MEM_GROW(side->items, side->count, side->cap);
	side->items[side->count++] = *item;
}

void path_diff_side_release(struct path_diff_side *side)
{
	free(side->items);
	*side = (struct path_diff_side){ 0 };
}

static int compare_items(const void *a, const void *b)
{
	const struct path_diff_item *x = a, *y = b;
	int order = nf_slice_cmp(name_of(x), name_of(y));

	if (!order)
		order = nf_slice_cmp(version_of(x), version_of(y));
	return order ? order : nf_storepath_cmp(&x->path, &y->path);
}

static void sort_side(struct path_diff_side *side)
{
	if (side->count)
		qsort(side->items, side->count, sizeof(*side->items), compare_items);
}

/* Compares each path with the one of the same name on the other side. */
static void match(struct path_diff *d, struct path_diff_side *before,
		  struct path_diff_side *after)
{
	struct map by_base;

	map_init(&by_base);
	for (size_t i = 0; i < before->count; i++) {
		before->items[i].is_new = true;
		*map_put(&by_base, nf_storepath_base(&before->items[i].path),
			 &(bool){ false }) = i;
	}
	for (size_t i = 0; i < after->count; i++) {
		struct path_diff_item *to = &after->items[i], *from;
		uintptr_t *place = map_get(&by_base, nf_storepath_base(&to->path));

		to->is_new = true;
		if (!place)
			continue;
		from = &before->items[*place];
		if (!nf_hash_eq(&from->nar_hash, &to->nar_hash)) {
			d->same_names++;
			continue;
		}
		from->is_new = to->is_new = false;
		if (!from->nar_size)
			from->nar_size = to->nar_size;
		to->nar_size = from->nar_size;
	}
	map_release(&by_base);
}

/* ---- packages ---- */

/* Takes the paths of the package NAME from those that are left of a side. */
static struct path_diff_paths take_package(const struct path_diff_side *side, size_t *at,
					   struct nf_slice name)
{
	struct path_diff_paths p = { .items = side->items + *at, .has_size = true };

	for (; *at < side->count && nf_slice_eq(name_of(&side->items[*at]), name);
	     (*at)++) {
		p.count++;
		p.size += side->items[*at].nar_size;
		p.has_size = p.has_size && side->items[*at].nar_size;
	}
	return p;
}

static bool has_version(const struct path_diff_paths *p, struct nf_slice version)
{
	for (size_t i = 0; i < p->count; i++)
		if (nf_slice_eq(version_of(&p->items[i]), version))
			return true;
	return false;
}

static void count_version(void *ctx, struct nf_slice version)
{
	(void)version;
	++*(size_t *)ctx;
}

void path_diff_versions(const struct path_diff_paths *paths,
			const struct path_diff_paths *other,
			void (*fn)(void *ctx, struct nf_slice version), void *ctx)
{
	struct nf_slice last = { 0 };

	for (size_t i = 0; i < paths->count; i++) {
		struct nf_slice version = version_of(&paths->items[i]);

		if ((!i || !nf_slice_eq(version, last)) &&
		    (!other || !has_version(other, version)))
			fn(ctx, version);
		last = version;
	}
}

static bool has_new(const struct path_diff_paths *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->items[i].is_new)
			return true;
	return false;
}

static enum path_diff_kind kind_of(const struct path_diff_package *p)
{
	size_t versions = 0;

	if (!p->before.count)
		return PATH_DIFF_ADDED;
	if (!p->after.count)
		return PATH_DIFF_REMOVED;
	path_diff_versions(&p->before, &p->after, count_version, &versions);
	path_diff_versions(&p->after, &p->before, count_version, &versions);
	if (versions)
		return PATH_DIFF_CHANGED;
	return has_new(&p->before) || has_new(&p->after) ? PATH_DIFF_REBUILT
							 : PATH_DIFF_SAME;
}

static void make_packages(struct path_diff *d, const struct path_diff_side *before,
			  const struct path_diff_side *after)
{
	size_t a = 0, b = 0;

	d->packages = mem_calloc(before->count + after->count, sizeof(*d->packages));
	while (a < before->count || b < after->count) {
		struct path_diff_package *p = &d->packages[d->count++];

		if (a < before->count)
			p->name = name_of(&before->items[a]);
		if (a == before->count ||
		    (b < after->count &&
		     nf_slice_cmp(name_of(&after->items[b]), p->name) < 0))
			p->name = name_of(&after->items[b]);
		p->before = take_package(before, &a, p->name);
		p->after = take_package(after, &b, p->name);
		p->kind = kind_of(p);
	}
}

struct path_diff *path_diff_new(struct path_diff_side *before,
				struct path_diff_side *after)
{
	struct path_diff *d = mem_calloc(1, sizeof(*d));

	sort_side(before);
	sort_side(after);
	match(d, before, after);
	make_packages(d, before, after);
	return d;
}

void path_diff_free(struct path_diff *d)
{
	if (!d)
		return;
	free(d->packages);
	free(d);
}
