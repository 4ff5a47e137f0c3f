/* Store paths: what is parsed is printed as it was, and made of what it says. */
#include <assert.h>
#include <stdint.h>

#include <nixferry/storepath.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nf_slice text = nf_slice((const char *)data, size);
	char full[NF_STOREPATH_TEXT_MAX];
	struct nf_storepath sp, again;
	struct nf_slice below;
	struct nf_err err;

	if (nf_storepath_parse(&sp, text, &err) == 0) {
		assert(nf_slice_is(text, nf_storepath_format(full, &sp)));
		assert(nf_storepath_parse_below(&again, text, &below, &err) == 0);
		assert(below.len == 0);
	}
	if (nf_storepath_parse_below(&sp, text, &below, &err) == 0) {
		nf_storepath_format(full, &sp);
		assert(strlen(full) + below.len == size);
		assert(below.ptr + below.len == text.ptr + text.len);
	}
	if (nf_storepath_parse_base(&sp, text, &err) == 0) {
		assert(nf_slice_eq(text, nf_storepath_base(&sp)));
		assert(nf_storepath_is_hash(nf_storepath_hash(&sp)));
		assert(nf_storepath_name(&sp).len + NF_STOREPATH_HASH_LEN + 1 == size);
		nf_storepath_format(full, &sp);
		assert(nf_storepath_parse(&again, nf_slice_str(full), &err) == 0);
		assert(nf_storepath_cmp(&sp, &again) == 0);
	}
	return 0;
}
