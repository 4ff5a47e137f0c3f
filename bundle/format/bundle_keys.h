/* The public keys that a bundle lists in its nix-cache-info: hints, never trusted. */
#ifndef BUNDLE_KEYS_H
#define BUNDLE_KEYS_H

#include <nixferry/key.h>

#include "base/buf.h"
#include "base/cleanup.h"

/* A separate type, so that no code verifies with such keys by mistake. */
struct bundle_keys {
	struct nf_keyring *told;
};

#define BUNDLE_KEYS_INIT                                                                 \
	{                                                                                \
		NULL                                                                     \
	}

/* Parses the text of nix-cache-info. Whatever is not a key or exceeds a limit is skipped,
 * because nothing depends on it. */
void bundle_keys_parse(struct bundle_keys *keys, struct nf_slice text);
void bundle_keys_release(struct bundle_keys *keys);

/* Appends the line that lists KEY, "NAME:BASE64". */
void bundle_keys_add_line(struct buf *out, const char *key);

#endif
