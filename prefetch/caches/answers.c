#include "caches/answers.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

struct answer {
	struct answer *next;
	char *file;
	char *text; /* NULL if there is none */
	size_t len;
};

struct cache_answers {
	struct map by_file;
	char *left_out; /* why, or NULL */
	int code;
	struct transfer_stats stats;
};

struct answers {
	struct cache_answers *caches;
	size_t cache_count;
	struct answer *all;
	size_t bytes;
};

struct answers *answers_new(size_t cache_count)
{
	struct answers *a = mem_calloc(1, sizeof(*a));

	a->caches = mem_calloc(cache_count, sizeof(a->caches[0]));
	a->cache_count = cache_count;
	for (size_t i = 0; i < cache_count; i++)
		map_init(&a->caches[i].by_file);
	return a;
}

void answers_free(struct answers *a)
{
	struct answer *next;

	if (!a)
		return;
	for (struct answer *x = a->all; x; x = next) {
		next = x->next;
		free(x->file);
		free(x->text);
		free(x);
	}
	for (size_t i = 0; i < a->cache_count; i++) {
		map_release(&a->caches[i].by_file);
		free(a->caches[i].left_out);
	}
	free(a->caches);
	free(a);
}

static struct answer *answer_new(struct answers *a, const char *file,
				 struct nf_slice text)
{
	struct answer *x = mem_calloc(1, sizeof(*x));

	x->file = mem_strdup(file);
	x->text = text.ptr ? mem_strndup(text.ptr, text.len) : NULL;
	x->len = text.len;
	x->next = a->all;
	a->all = x;
	a->bytes += sizeof(*x) + strlen(file) + text.len;
	return x;
}

void answers_add(struct answers *a, uint32_t cache, const char *file,
		 struct nf_slice text)
{
	struct answer *x;
	bool is_new;

	if (a->bytes + text.len > ANSWERS_BYTES_MAX)
		return;
	x = answer_new(a, file, text);
	*map_put(&a->caches[cache].by_file, nf_slice_str(x->file), &is_new) =
		(uintptr_t)x;
}

bool answers_find(const struct answers *a, uint32_t cache, const char *file,
		  struct nf_slice *text)
{
	const uintptr_t *at = map_get(&a->caches[cache].by_file, nf_slice_str(file));
	const struct answer *x;

	if (!at)
		return false;
	x = (const struct answer *)*at;
	*text = (struct nf_slice){ .ptr = x->text, .len = x->len };
	return true;
}

void answers_leave_out(struct answers *a, uint32_t cache, int code, const char *why)
{
	free(a->caches[cache].left_out);
	a->caches[cache].left_out = mem_strdup(why);
	a->caches[cache].code = code;
}

const char *answers_left_out(const struct answers *a, uint32_t cache, int *code)
{
	*code = a->caches[cache].code;
	return a->caches[cache].left_out;
}

struct transfer_stats *answers_stats(struct answers *a, uint32_t cache)
{
	return &a->caches[cache].stats;
}
