/* narinfos: a parsed one survives printing and parsing, and prints the same again. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include <nixferry/narinfo.h>

#include "format/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_list(const struct nf_slice *a, size_t na, const struct nf_slice *b,
		      size_t nb)
{
	assert(na == nb);
	for (size_t i = 0; i < na; i++)
		assert(nf_slice_eq(a[i], b[i]));
}

static void same(const struct nf_narinfo *a, const struct nf_narinfo *b)
{
	assert(nf_storepath_cmp(&a->info.path, &b->info.path) == 0);
	assert(nf_hash_eq(&a->info.nar_hash, &b->info.nar_hash));
	assert(a->info.nar_size == b->info.nar_size);
	same_list(a->info.refs, a->info.nrefs, b->info.refs, b->info.nrefs);
	same_list(a->info.sigs, a->info.nsigs, b->info.sigs, b->info.nsigs);
	assert(nf_slice_eq(a->info.deriver, b->info.deriver));
	assert(nf_slice_eq(a->info.ca, b->info.ca));
	assert(nf_slice_eq(a->url, b->url));
	assert(nf_slice_eq(a->compression, b->compression));
	assert(a->has_file_hash == b->has_file_hash);
	assert(!a->has_file_hash || nf_hash_eq(&a->file_hash, &b->file_hash));
	assert(a->file_size == b->file_size);
	assert(a->inodes == b->inodes && a->level == b->level);
	assert(a->by_store == b->by_store);
	assert(a->has_xxh3 == b->has_xxh3);
	assert(memcmp(a->xxh3, b->xxh3, sizeof(a->xxh3)) == 0);
}

static void holds(const struct nf_narinfo *ni)
{
	assert(ni->url.len && ni->compression.len && ni->info.nar_size);
	for (size_t i = 1; i < ni->info.nrefs; i++)
		assert(nf_slice_cmp(ni->info.refs[i - 1], ni->info.refs[i]) < 0);
	for (size_t i = 0; i < ni->info.nsigs; i++)
		assert(signature_is_readable(ni->info.sigs[i]));
	for (size_t i = 0; i < ni->info.nrefs; i++)
		assert(nf_pathinfo_has_ref(&ni->info, ni->info.refs[i]));
}

static void print_and_parse(const struct nf_narinfo *ni)
{
	struct nf_pathinfo copy;
	struct nf_narinfo again;
	size_t len, len_again;
	char *text = nf_narinfo_format(ni, &len);
	char *text_again;

	assert(nf_narinfo_parse_pool(&again, nf_slice(text, len), NULL) == 0);
	same(ni, &again);
	nf_pathinfo_copy(&copy, &again.info);
	nf_pathinfo_release(&again.info);
	again.info = copy;
	/* Everything outside the info was freed with its memory. */
	again.url = ni->url;
	again.compression = ni->compression;
	text_again = nf_narinfo_format(&again, &len_again);
	assert(len == len_again && memcmp(text, text_again, len) == 0);
	nf_narinfo_release(&again);
	free(text_again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nf_narinfo ni;
	struct nf_err err;

	if (nf_narinfo_parse_pool(&ni, nf_slice((const char *)data, size), &err) == 0) {
		holds(&ni);
		print_and_parse(&ni);
	} else {
		assert(err.text[0]);
	}
	nf_narinfo_release(&ni);
	if (nf_narinfo_parse(&ni, nf_slice((const char *)data, size), NULL) == 0)
		holds(&ni);
	nf_narinfo_release(&ni);
	return 0;
}
