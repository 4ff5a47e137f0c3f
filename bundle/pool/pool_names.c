#include "pool/pool_names.h"

#include <nixferry/storepath.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dir_entries.h"
#include "base/encoding.h"
#include "base/mem.h"

char *pool_info_name(char out[POOL_INFO_NAME_MAX], struct nf_slice hash_part)
{
	snprintf(out, POOL_INFO_NAME_MAX, "%.*s.narinfo", NF_SLICE_ARG(hash_part));
	return out;
}

char *pool_url(char out[POOL_URL_MAX], const struct nf_hash *file_hash, enum codec codec)
{
	char digest[64];

	nix32_encode(digest, file_hash->bytes, nf_hash_size(NF_SHA256));
	snprintf(out, POOL_URL_MAX, "nar/%.52s.nar%s", digest, codec_suffix(codec));
	return out;
}

bool pool_names_is_info(const char *name)
{
	return strlen(name) == POOL_INFO_NAME_MAX - 1 &&
	       strcmp(name + NF_STOREPATH_HASH_LEN, ".narinfo") == 0 &&
	       nf_storepath_is_hash(nf_slice(name, NF_STOREPATH_HASH_LEN));
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int pool_names_read(struct pool_names *n, int dir_fd, bool (*pick)(const char *name),
		    struct nf_err *err)
{
	struct dir_entries entries;
	const struct dirent *entry;

	dir_entries_begin(&entries, dir_fd);
	while ((entry = dir_entries_next(&entries))) {
		if (!pick(entry->d_name))
			continue;
		MEM_GROW(n->list, n->len, n->cap);
		n->list[n->len++] = mem_strdup(entry->d_name);
	}
	if (!dir_entries_end(&entries))
		return err_sys(err, "cannot read the directory");
	if (n->len)
		qsort(n->list, n->len, sizeof(*n->list), compare_names);
	return 0;
}

void pool_names_release(struct pool_names *n)
{
	for (size_t i = 0; i < n->len; i++)
		free(n->list[i]);
	free(n->list);
	*n = (struct pool_names){ 0 };
}
