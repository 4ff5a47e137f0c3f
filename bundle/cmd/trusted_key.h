/* The value of --trusted-public-key: a key, or a file of keys. */
#ifndef TRUSTED_KEY_H
#define TRUSTED_KEY_H

#include <nixferry/key.h>

#include "base/err.h"

/* Reads "NAME:BASE64", or a file with one such key per line; empty lines and lines that
 * begin with '#' are skipped. Everything else is NF_E_USAGE. A secret key is refused, and
 * no message quotes text that may be one. */
int trusted_key_add(struct nf_keyring *ring, const char *value,
		    struct nf_err *err) MUST_CHECK;

#endif
