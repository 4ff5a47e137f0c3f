/* The digests of a bundle's blocks, as the blocks member has them: 32 bytes for each
 * block, with BLAKE2b; in version 2 then 32 bytes for each block, with SHA-256. Both
 * lists are signed, so a reader checks the one that its processor computes faster. */
#ifndef BLOCK_DIGEST_H
#define BLOCK_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "format/manifest.h"

enum block_digest_kind {
	BLOCK_DIGEST_BLAKE2B,
	BLOCK_DIGEST_SHA256,
};

/* The list to check on this processor, of those that M pins. */
enum block_digest_kind block_digest_choose(const struct manifest *m);

/* Length of the lists for the payload of M. */
size_t block_digest_len(const struct manifest *m);

/* Enters the digests of block INDEX, the LEN bytes P, into the lists. Any thread. */
void block_digest_put(uint8_t *lists, const struct manifest *m, uint64_t index,
		      const void *p, size_t len);

/* Whether the bytes have the digest of block INDEX in the list KIND. */
bool block_digest_match(const uint8_t *lists, const struct manifest *m,
			enum block_digest_kind kind, uint64_t index, const void *p,
			size_t len);

/* Sets the digests of the lists in M. */
void block_digest_pin(struct manifest *m, const uint8_t *lists);

/* Checks that the lists, LEN bytes, are those that M pins: NF_E_FORMAT for another
 * length, NF_E_HASH for other content. */
int block_digest_check(const struct manifest *m, const uint8_t *lists, size_t len,
		       struct nf_err *err) MUST_CHECK;

#endif
