#include "delta/nar_files.h"

#include <nixferry/nar.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "format/nar_position.h"

DEFINE_CLEANUP(struct nf_nar_reader *, nf_nar_reader_free)

/* Hashes of the path of each open directory. */
struct files_reader {
	struct nar_files *files;
	uint64_t dirs[NAR_DEPTH_MAX];
	size_t depth;
	uint64_t gap;
	struct xxh3 *content; /* of the open file; NULL if it is empty */
};

static uint64_t path_hash(const struct files_reader *r, struct nf_slice name)
{
	const uint64_t both[2] = { r->depth ? r->dirs[r->depth - 1] : 0,
				   xxh3_64(name.ptr, name.len) };

	return xxh3_64(both, sizeof(both));
}

static void begin_file(struct files_reader *r, const struct nf_nar_event *ev,
		       uint64_t offset)
{
	struct nar_files *f = r->files;

	if (!ev->size)
		return;
	MEM_GROW(f->list, f->count, f->cap);
	f->list[f->count++] = (struct nar_file){
		.offset = offset,
		.size = ev->size,
		.gap = r->gap,
		.path = path_hash(r, ev->name),
		.name = xxh3_64(ev->name.ptr, ev->name.len),
		.nar = f->nars,
	};
	r->gap = nar_file_end(&f->list[f->count - 1]);
	r->content = xxh3_new();
}

static void end_file(struct files_reader *r)
{
	uint8_t sum[XXH3_128_SIZE];

	if (!r->content)
		return;
	xxh3_final(r->content, sum);
	xxh3_free(TAKE_PTR(r->content));
	memcpy(&r->files->list[r->files->count - 1].content, sum, sizeof(uint64_t));
}

static void take_event(struct files_reader *r, const struct nf_nar_event *ev,
		       uint64_t offset)
{
	switch (ev->kind) {
	case NF_NAR_DIRECTORY:
		r->dirs[r->depth] = path_hash(r, ev->name);
		r->depth++;
		break;
	case NF_NAR_LEAVE:
		r->depth--;
		break;
	case NF_NAR_FILE:
		begin_file(r, ev, offset);
		break;
	case NF_NAR_DATA:
		xxh3_update(r->content, ev->data.ptr, ev->data.len);
		break;
	case NF_NAR_FILE_END:
		end_file(r);
		break;
	default:
		break;
	}
}

int nar_files_read(struct nar_files *f, struct nf_source *nar, uint64_t *ret_size,
		   struct nf_err *err)
{
	AUTO(nf_nar_reader_freep) struct nf_nar_reader *nr = nf_nar_reader_new(nar);
	struct files_reader r = { .files = f };
	size_t first = f->count;
	struct nf_nar_event ev;
	int rc;

	do {
		rc = nf_nar_next(nr, &ev, err);
		if (!rc)
			take_event(&r, &ev, nar_reader_offset(nr));
	} while (!rc && ev.kind != NF_NAR_END);
	xxh3_free(r.content);
	*ret_size = nar_reader_offset(nr);
	if (f->count > first)
		f->list[f->count - 1].is_last = true;
	f->nars++;
	return rc;
}

void nar_files_release(struct nar_files *f)
{
	free(f->list);
	free(f->by_path);
	free(f->by_content);
	free(f->by_name);
	*f = (struct nar_files){ 0 };
}

/* ---- searching ---- */

static int cmp_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* Files that are alike stay in the order of the NARs. */
static int cmp_places(const struct nar_file *a, const struct nar_file *b)
{
	int order = cmp_numbers(a->nar, b->nar);

	return order ? order : cmp_numbers(a->offset, b->offset);
}

static int cmp_paths(const void *a, const void *b)
{
	const struct nar_file *x = *(const struct nar_file *const *)a;
	const struct nar_file *y = *(const struct nar_file *const *)b;
	int order = cmp_numbers(x->path, y->path);

	return order ? order : cmp_places(x, y);
}

static int cmp_contents(const void *a, const void *b)
{
	const struct nar_file *x = *(const struct nar_file *const *)a;
	const struct nar_file *y = *(const struct nar_file *const *)b;
	int order = cmp_numbers(x->content, y->content);

	return order ? order : cmp_places(x, y);
}

static int cmp_names(const void *a, const void *b)
{
	const struct nar_file *x = *(const struct nar_file *const *)a;
	const struct nar_file *y = *(const struct nar_file *const *)b;
	int order = cmp_numbers(x->name, y->name);

	if (!order)
		order = cmp_numbers(x->size, y->size);
	return order ? order : cmp_places(x, y);
}

static const struct nar_file **sorted(const struct nar_files *f,
				      int (*cmp)(const void *, const void *))
{
	const struct nar_file **list = mem_calloc(f->count + 1, sizeof(*list));

	for (size_t i = 0; i < f->count; i++)
		list[i] = &f->list[i];
	qsort(list, f->count, sizeof(*list), cmp);
	return list;
}

void nar_files_sort(struct nar_files *f)
{
	f->by_path = sorted(f, cmp_paths);
	f->by_content = sorted(f, cmp_contents);
	f->by_name = sorted(f, cmp_names);
}

/* Index of the first file that is not before FILE. */
static size_t lower_bound(const struct nar_files *f, const struct nar_file **list,
			  const struct nar_file *file,
			  int (*cmp)(const void *, const void *))
{
	size_t low = 0, high = f->count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (cmp(&list[mid], &file) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static uint64_t distance(const struct nar_file *a, const struct nar_file *b)
{
	return a->size > b->size ? a->size - b->size : b->size - a->size;
}

static const struct nar_file *nearest_name(const struct nar_files *f,
					   const struct nar_file *key)
{
	size_t at = lower_bound(f, f->by_name, key, cmp_names);
	const struct nar_file *after = at < f->count ? f->by_name[at] : NULL;
	const struct nar_file *before = at ? f->by_name[at - 1] : NULL;

	if (after && after->name != key->name)
		after = NULL;
	if (before && before->name != key->name)
		before = NULL;
	if (!before || !after)
		return before ? before : after;
	return distance(before, key) < distance(after, key) ? before : after;
}

const struct nar_file *nar_files_find(const struct nar_files *f,
				      const struct nar_file *file)
{
	struct nar_file key = *file;
	size_t at;

	key.nar = 0;
	key.offset = 0;
	at = lower_bound(f, f->by_path, &key, cmp_paths);
	if (at < f->count && f->by_path[at]->path == key.path)
		return f->by_path[at];
	at = lower_bound(f, f->by_content, &key, cmp_contents);
	if (at < f->count && f->by_content[at]->content == key.content &&
	    f->by_content[at]->size == key.size)
		return f->by_content[at];
	return nearest_name(f, &key);
}
