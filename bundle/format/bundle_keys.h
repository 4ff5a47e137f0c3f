/* The public keys that a bundle tells of, in its nix-cache-info: told, never trusted. */
#ifndef BUNDLE_KEYS_H
#define BUNDLE_KEYS_H

#include <nixferry/key.h>

#include "base/buf.h"
#include "base/cleanup.h"

/* A type of its own, so that nobody verifies with such keys by mistake. */
struct bundle_keys {
	struct nf_keyring *told;
};

#define BUNDLE_KEYS_INIT                                                                 \
	{                                                                                \
		NULL                                                                     \
	}

/* From the text of nix-cache-info. What is not a key, and what is over a limit, is left
 * out: nothing depends on it. */
void bundle_keys_parse(struct bundle_keys *keys, struct nf_slice text);
void bundle_keys_release(struct bundle_keys *keys);

/* Appends the line that tells of KEY, "NAME:BASE64". */
void bundle_keys_add_line(struct buf *out, const char *key);

#endif
