#include "store/store_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/slice.h"
#include "format/signature.h"

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c && strchr("/-._~", c));
}

char *store_text_uri(const char *path, const char *query)
{
	char *uri = mem_alloc(sizeof("file:") + 3 * strlen(path) + strlen(query));
	char *p = stpcpy(uri, "file:");

	for (; *path; path++) {
		if (is_plain(*path))
			*p++ = *path;
		else
			p += sprintf(p, "%%%02x", (unsigned char)*path);
	}
	memcpy(p, query, strlen(query) + 1);
	return uri;
}

static int cmp_slices(const void *a, const void *b)
{
	return nf_slice_cmp(*(const struct nf_slice *)a, *(const struct nf_slice *)b);
}

struct sigs {
	struct nf_slice *list;
	size_t len, cap;
	size_t bytes;
	struct map seen;
};

static void sigs_release(struct sigs *s)
{
	free(s->list);
	map_release(&s->seen);
}

/* Returns false if it is already there. */
static bool sigs_add(struct sigs *s, struct nf_slice sig)
{
	bool is_new;

	map_put(&s->seen, sig, &is_new);
	if (!is_new)
		return false;
	MEM_GROW(s->list, s->len, s->cap);
	s->list[s->len++] = sig;
	s->bytes += sig.len + 1;
	return true;
}

static void add_column(struct sigs *s, struct nf_slice column)
{
	while (column.len) {
		struct nf_slice sig = slice_cut(&column, ' ');

		if (signature_is_readable(sig))
			sigs_add(s, sig);
	}
}

static size_t add_new(struct sigs *s, const struct nf_pathinfo *info)
{
	size_t added = 0;

	for (size_t i = 0; i < info->nsigs; i++) {
		struct nf_slice sig = info->sigs[i];
		bool has_room = s->len < PATHINFO_SIGS_MAX &&
				s->bytes + sig.len < PATHINFO_SIGS_TEXT_MAX;

		if (signature_is_ed25519(sig) && (i < info->ntrusted || has_room))
			added += sigs_add(s, sig);
	}
	return added;
}

size_t store_text_sigs(struct buf *text, struct nf_slice column,
		       const struct nf_pathinfo *info)
{
	AUTO(sigs_release) struct sigs s = { 0 };
	size_t added;

	map_init(&s.seen);
	add_column(&s, column);
	added = add_new(&s, info);
	if (s.len)
		qsort(s.list, s.len, sizeof(*s.list), cmp_slices);
	for (size_t i = 0; i < s.len; i++) {
		if (i)
			buf_add_char(text, ' ');
		buf_add_slice(text, s.list[i]);
	}
	return added;
}
