#include "format/bundle_keys.h"

#include "base/limits.h"
#include "base/slice.h"

#define FIELD "Nixferry-Key:"

void bundle_keys_parse(struct bundle_keys *keys, struct nf_slice text)
{
	keys->told = nf_keyring_new();
	while (text.len && nf_keyring_count(keys->told) < BUNDLE_KEYS_MAX) {
		struct nf_slice line = slice_cut(&text, '\n');

		if (slice_skip_prefix(&line, FIELD))
			(void)!nf_keyring_add(keys->told, line, NULL);
	}
}

void bundle_keys_release(struct bundle_keys *keys)
{
	nf_keyring_free(keys->told);
	keys->told = NULL;
}

void bundle_keys_add_line(struct buf *out, const char *key)
{
	buf_addf(out, FIELD " %s\n", key);
}
