/* Content addresses. The first line is an address, the rest the bytes of a NAR: the
 * verdict does not depend on how they are split, and is good only for the right bytes. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "format/ca.h"

#define BASE "ljsmij84815hdi4q4jkaal94j69qngjz-self"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print_and_parse(const struct ca *ca)
{
	char text[CA_TEXT_MAX];
	struct ca again;

	ca_format(text, ca);
	assert(ca_parse(&again, nf_slice_str(text), NULL) == 0);
	assert(again.method == ca->method && nf_hash_eq(&again.hash, &ca->hash));
}

static int verdict(const struct nf_pathinfo *info, struct nf_slice nar, size_t chunk)
{
	struct ca_check *c;
	int rc;

	assert(ca_check_new(&c, info, NULL) == 0);
	while (nar.len) {
		size_t n = chunk < nar.len ? chunk : nar.len;

		ca_check_update(c, nar.ptr, n);
		nar.ptr += n;
		nar.len -= n;
	}
	rc = ca_check_final(c, NULL);
	ca_check_free(c);
	return rc;
}

/* The NAR's own address. */
static void make_address(struct ca *ca, const struct nf_pathinfo *info,
			 struct nf_slice nar)
{
	bool self = info->nrefs > 0;
	struct hash_modulo *m = hash_modulo_new(
		ca->hash.algo, self ? nf_storepath_hash(&info->path) : nf_slice(NULL, 0));

	hash_modulo_update(m, nar.ptr, nar.len);
	assert(hash_modulo_final(m, &ca->hash));
	hash_modulo_free(m);
}

static void check_nar(struct nf_pathinfo *info, struct ca *ca, struct nf_slice nar)
{
	static const size_t chunks[] = { 1, 5, 32, 100, 65536 };
	char text[CA_TEXT_MAX];
	int want;

	hash_bytes(&info->nar_hash, NF_SHA256, nar.ptr, nar.len);
	want = verdict(info, nar, SIZE_MAX);
	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++)
		assert(verdict(info, nar, chunks[i]) == want);
	if (ca->method != CA_NAR)
		return;
	make_address(ca, info, nar);
	nf_pathinfo_set_ca(info, nf_slice_str(ca_format(text, ca)));
	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++)
		assert(verdict(info, nar, chunks[i]) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line_end = size ? memchr(data, '\n', size) : NULL;
	size_t text_len = line_end ? (size_t)(line_end - data) : size;
	struct nf_slice text = nf_slice((const char *)data, text_len);
	struct nf_slice nar = nf_slice(NULL, 0);
	struct nf_pathinfo info;
	struct ca ca;

	if (ca_parse(&ca, text, NULL))
		return 0;
	print_and_parse(&ca);
	if (line_end)
		nar = nf_slice((const char *)line_end + 1, size - text_len - 1);
	for (int self = 0; self < 2; self++) {
		nf_pathinfo_init(&info);
		assert(nf_storepath_parse_base(&info.path, NF_SLICE_LIT(BASE), NULL) ==
		       0);
		nf_pathinfo_set_ca(&info, text);
		if (self)
			assert(nf_pathinfo_add_ref(&info, NF_SLICE_LIT(BASE), NULL) == 0);
		assert(ca_check_path(&info, NULL) <= 0);
		check_nar(&info, &ca, nar);
		nf_pathinfo_release(&info);
		assert(ca_parse(&ca, text, NULL) == 0);
	}
	return 0;
}
