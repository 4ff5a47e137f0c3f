/* nix-cache-info: the struct is consistent whatever a server sends; keys that a bundle
 * lists survive a round trip. */
#include <assert.h>
#include <stdint.h>

#include <nixferry/narinfo.h>
#include <stdlib.h>

#include "base/limits.h"
#include "format/bundle_keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_keys(struct nf_slice text)
{
	struct bundle_keys keys = BUNDLE_KEYS_INIT, again = BUNDLE_KEYS_INIT;
	struct buf out;
	size_t count;

	bundle_keys_parse(&keys, text);
	count = nf_keyring_count(keys.told);
	assert(count <= BUNDLE_KEYS_MAX);
	buf_init(&out, NIX_CACHE_INFO_MAX);
	for (size_t i = 0; i < count; i++) {
		char *key = nf_keyring_format(keys.told, i);

		bundle_keys_add_line(&out, key);
		free(key);
	}
	assert(!buf_failed(&out));
	bundle_keys_parse(&again, buf_slice(&out));
	assert(nf_keyring_count(again.told) == count);
	bundle_keys_release(&keys);
	bundle_keys_release(&again);
	buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nf_cache_info ci;
	struct nf_err err;

	if (nf_cache_info_parse(&ci, nf_slice((const char *)data, size), &err))
		assert(err.text[0]);
	assert(memchr(ci.store_dir, '\0', sizeof(ci.store_dir)));
	assert(ci.has_priority || ci.priority == 0);
	try_keys(nf_slice((const char *)data, size));
	return 0;
}
