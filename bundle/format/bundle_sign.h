/* Adds a signature to a bundle that is a file. */
#ifndef BUNDLE_SIGN_H
#define BUNDLE_SIGN_H

#include <nixferry/bundle.h>
#include <nixferry/key.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/progress.h"

/* Replaces the file PATH, which must be no link, by one that KEY has signed, too. RING
 * and RET_SIGNERS (those before; required) are as for nf_bundle_open: what nobody trusts
 * is not signed. The payload is not verified. *RET_ADDED is false, and the file stays
 * as it is, if KEY has signed it before. */
int bundle_sign(const char *path, const struct nf_keyring *ring,
		const struct nf_secret_key *key, struct nf_bundle_signers *ret_signers,
		bool *ret_added, struct progress *progress,
		struct nf_err *err) MUST_CHECK;

#endif
