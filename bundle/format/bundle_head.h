/* The head of a bundle: the three members before the payload. The only place that decides
 * whether a bundle's signature is good. */
#ifndef BUNDLE_HEAD_H
#define BUNDLE_HEAD_H

#include <nixferry/bundle.h>
#include <nixferry/key.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "format/manifest.h"

/* A head. Its signature was verified before its manifest was parsed. */
struct bundle_head {
	struct manifest manifest;
	char *sigs;	/* content of the signatures member */
	char **trusted; /* the different trusted keys that signed it, "NAME:BASE64" */
	size_t trusted_count;
	char *signer;	  /* the name of the first */
	uint8_t *digests; /* content of the blocks member; not yet compared with the
			     manifest */
	size_t digests_len;
	uint64_t size; /* number of bytes before the payload */
};

void bundle_head_init(struct bundle_head *h);
void bundle_head_release(struct bundle_head *h);

/* Reads from offset 0 of a SEEKABLE fd, otherwise from the current position, and nothing
 * after the head. H is always initialised. Fails as nf_bundle_open does. */
int bundle_head_read(struct bundle_head *h, int fd, bool seekable,
		     const struct nf_keyring *ring, struct nf_bundle_signers *ret_signers,
		     struct nf_err *err) MUST_CHECK;

/* Appends the head of a bundle to OUT. DIGESTS are those of the payload's blocks; they
 * affect its content but not its length. NF_E_LIMIT if readers would refuse it as too
 * large. */
int bundle_head_format(struct buf *out, struct manifest *m, const uint8_t *digests,
		       const struct nf_secret_key *key, struct nf_err *err) MUST_CHECK;

/* The same for a head that was read, with one more signature; H's digests must be those
 * that its manifest pins. *RET_HAD: KEY has signed it before, and OUT stays as it is. */
int bundle_head_countersign(struct buf *out, const struct bundle_head *h,
			    const struct nf_secret_key *key, bool *ret_had,
			    struct nf_err *err) MUST_CHECK;

#endif
