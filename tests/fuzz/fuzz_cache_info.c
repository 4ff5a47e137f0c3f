/* nix-cache-info: whatever a server says, the struct is whole. */
#include <assert.h>
#include <stdint.h>

#include <nixferry/narinfo.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nf_cache_info ci;
	struct nf_err err;

	if (nf_cache_info_parse(&ci, nf_slice((const char *)data, size), &err))
		assert(err.text[0]);
	assert(memchr(ci.store_dir, '\0', sizeof(ci.store_dir)));
	assert(ci.has_priority || ci.priority == 0);
	return 0;
}
