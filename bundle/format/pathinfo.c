#include <nixferry/key.h>
#include <nixferry/pathinfo.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/slice.h"
#include "format/pathinfo_fill.h"
#include "format/signature.h"

#define LIST_MIN 4

void nf_pathinfo_init(struct nf_pathinfo *info)
{
	*info = (struct nf_pathinfo){ .nar_hash.algo = NF_SHA256 };
}

void nf_pathinfo_release(struct nf_pathinfo *info)
{
	if (info->arena) {
		arena_release(info->arena);
		free(info->arena);
	}
	nf_pathinfo_init(info);
}

struct arena *pathinfo_arena(struct nf_pathinfo *info)
{
	if (!info->arena) {
		info->arena = mem_alloc(sizeof(*info->arena));
		arena_init(info->arena);
	}
	return info->arena;
}

/* ---- lists: the capacity is always the next power of two, so it is not stored ---- */

static size_t room_for(size_t len)
{
	size_t room = LIST_MIN;

	while (room < len)
		room *= 2;
	return room;
}

/* Returns a list of LEN elements with room for one more; the same one while it has
 * room. */
static struct nf_slice *grow(struct nf_pathinfo *info, struct nf_slice *list, size_t len)
{
	struct nf_slice *larger;

	if (len && len < room_for(len))
		return list;
	larger = arena_alloc(pathinfo_arena(info), room_for(len + 1) * sizeof(*list));
	if (len)
		memcpy(larger, list, len * sizeof(*list));
	return larger;
}

/* ---- references ---- */

/* The index of BASE, or where it would be inserted. */
static size_t ref_place(const struct nf_pathinfo *info, struct nf_slice base, bool *found)
{
	size_t low = 0, high = info->nrefs;
	int order = 1;

	/* They usually arrive sorted. */
	if (high && nf_slice_cmp(info->refs[high - 1], base) < 0)
		low = high;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		order = nf_slice_cmp(base, info->refs[middle]);
		if (order == 0) {
			low = middle;
			break;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	*found = order == 0;
	return low;
}

bool nf_pathinfo_has_ref(const struct nf_pathinfo *info, struct nf_slice base)
{
	bool found;

	ref_place(info, base, &found);
	return found;
}

static int too_many_refs(struct nf_err *err)
{
	return err_set(err, NF_E_LIMIT, "more than %llu bytes of references",
		       PATHINFO_REFS_TEXT_MAX);
}

int nf_pathinfo_add_ref(struct nf_pathinfo *info, struct nf_slice base,
			struct nf_err *err)
{
	struct nf_storepath checked;
	size_t at;
	bool found;
	int rc;

	rc = nf_storepath_parse_base(&checked, base, err);
	if (rc)
		return rc;
	at = ref_place(info, base, &found);
	if (found)
		return 0;
	info->refs_len += base.len + 1;
	if (info->refs_len > PATHINFO_REFS_TEXT_MAX)
		return too_many_refs(err);
	info->refs = grow(info, info->refs, info->nrefs);
	memmove(info->refs + at + 1, info->refs + at,
		(info->nrefs - at) * sizeof(*info->refs));
	info->refs[at] = arena_slice(pathinfo_arena(info), base);
	info->nrefs++;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return nf_slice_cmp(*(const struct nf_slice *)a, *(const struct nf_slice *)b);
}

/* Nix prints them sorted; other writers may not. */
static void sort_refs(struct nf_pathinfo *info)
{
	size_t kept = 0;

	qsort(info->refs, info->nrefs, sizeof(*info->refs), compare);
	for (size_t i = 1; i < info->nrefs; i++)
		if (!nf_slice_eq(info->refs[kept], info->refs[i]))
			info->refs[++kept] = info->refs[i];
	info->nrefs = kept + 1;
}

static size_t count_words(struct nf_slice list)
{
	size_t count = 0;

	while (list.len)
		count += slice_cut(&list, ' ').len > 0;
	return count;
}

int pathinfo_take_refs(struct nf_pathinfo *info, struct nf_slice list, struct nf_err *err)
{
	size_t count = count_words(list);
	struct nf_storepath checked;
	bool sorted = true;

	if (list.len > PATHINFO_REFS_TEXT_MAX)
		return too_many_refs(err);
	if (count == 0)
		return 0;
	info->refs_len = list.len;
	info->refs =
		arena_alloc(pathinfo_arena(info), room_for(count) * sizeof(*info->refs));
	while (list.len) {
		struct nf_slice base = slice_cut(&list, ' ');
		int rc;

		if (base.len == 0)
			continue;
		rc = nf_storepath_parse_base(&checked, base, err);
		if (rc)
			return rc;
		if (info->nrefs && nf_slice_cmp(info->refs[info->nrefs - 1], base) >= 0)
			sorted = false;
		info->refs[info->nrefs++] = base;
	}
	if (!sorted)
		sort_refs(info);
	return 0;
}

/* ---- the other fields ---- */

bool nf_pathinfo_has_sig(const struct nf_pathinfo *info, struct nf_slice sig)
{
	for (size_t i = 0; i < info->nsigs; i++)
		if (nf_slice_eq(info->sigs[i], sig))
			return true;
	return false;
}

static void append_sig(struct nf_pathinfo *info, struct nf_slice sig)
{
	info->sigs = grow(info, info->sigs, info->nsigs);
	info->sigs[info->nsigs++] = sig;
}

void pathinfo_take_sig(struct nf_pathinfo *info, struct nf_slice sig)
{
	struct nf_slice normal = signature_normal(pathinfo_arena(info), sig);

	if (normal.len)
		append_sig(info, normal);
	else
		info->left_out++;
}

void pathinfo_unique_sigs(struct nf_pathinfo *info)
{
	AUTO(map_release) struct map seen = { 0 };
	size_t kept = 0;
	bool is_new;

	if (info->nsigs < 2)
		return;
	map_init(&seen);
	for (size_t i = 0; i < info->nsigs; i++) {
		map_put(&seen, info->sigs[i], &is_new);
		if (is_new)
			info->sigs[kept++] = info->sigs[i];
	}
	info->nsigs = kept;
}

void nf_pathinfo_add_sig(struct nf_pathinfo *info, struct nf_slice sig)
{
	struct nf_slice normal = signature_normal(pathinfo_arena(info), sig);

	if (!normal.len)
		info->left_out++;
	else if (!nf_pathinfo_has_sig(info, normal))
		append_sig(info, arena_slice(pathinfo_arena(info), normal));
}

void nf_pathinfo_set_ca(struct nf_pathinfo *info, struct nf_slice ca)
{
	info->ca = arena_slice(pathinfo_arena(info), ca);
}

void pathinfo_take_deriver(struct nf_pathinfo *info, struct nf_slice base)
{
	struct nf_storepath drv;

	if (nf_storepath_parse_base(&drv, base, NULL) || !nf_storepath_is_drv(&drv))
		info->left_out++;
	else
		info->deriver = base;
}

void nf_pathinfo_set_deriver(struct nf_pathinfo *info, struct nf_slice base)
{
	pathinfo_take_deriver(info, arena_slice(pathinfo_arena(info), base));
}

static struct nf_slice *copy_list(struct nf_pathinfo *to, const struct nf_slice *list,
				  size_t len)
{
	struct arena *arena = pathinfo_arena(to);
	struct nf_slice *copy;

	if (len == 0)
		return NULL;
	copy = arena_alloc(arena, room_for(len) * sizeof(*copy));
	for (size_t i = 0; i < len; i++)
		copy[i] = arena_slice(arena, list[i]);
	return copy;
}

void nf_pathinfo_copy(struct nf_pathinfo *to, const struct nf_pathinfo *from)
{
	*to = *from;
	to->arena = NULL;
	to->refs = copy_list(to, from->refs, from->nrefs);
	to->sigs = copy_list(to, from->sigs, from->nsigs);
	if (from->deriver.len)
		to->deriver = arena_slice(pathinfo_arena(to), from->deriver);
	if (from->ca.len)
		to->ca = arena_slice(pathinfo_arena(to), from->ca);
}

char *nf_pathinfo_fingerprint(const struct nf_pathinfo *info)
{
	char hash[NF_HASH_TEXT_MAX];
	struct buf text;

	buf_init(&text, SIZE_MAX);
	buf_addf(&text, "1;" NF_STORE_DIR "/%s;%s;%" PRIu64 ";", info->path.base,
		 nf_hash_format(hash, &info->nar_hash, NF_NIX32), info->nar_size);
	for (size_t i = 0; i < info->nrefs; i++) {
		buf_add_str(&text, i ? "," NF_STORE_DIR "/" : NF_STORE_DIR "/");
		buf_add_slice(&text, info->refs[i]);
	}
	return buf_take(&text);
}
