#include "store/store_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"

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

int store_text_sigs(struct buf *text, const struct nf_pathinfo *info, struct nf_err *err)
{
	AUTO_FREE struct nf_slice *sigs =
		mem_dup(info->sigs, info->nsigs * sizeof(*info->sigs));

	if (info->nsigs)
		qsort(sigs, info->nsigs, sizeof(*sigs), cmp_slices);
	for (size_t i = 0; i < info->nsigs; i++) {
		if (i)
			buf_add_char(text, ' ');
		buf_add_slice(text, sigs[i]);
	}
	if (buf_failed(text))
		return err_set(err, NF_E_LIMIT,
			       "'%s': more than %llu bytes of signatures",
			       info->path.base, STORE_SIGS_MAX);
	return 0;
}
