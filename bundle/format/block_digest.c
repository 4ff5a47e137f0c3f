#include "format/block_digest.h"

#include <inttypes.h>
#include <string.h>

#include "base/hash.h"
#include "base/plural.h"

#define SIZE MANIFEST_DIGEST_SIZE

static size_t list_len(const struct manifest *m)
{
	return (size_t)manifest_block_count(m) * SIZE;
}

static bool has_sha256(const struct manifest *m)
{
	return m->version >= 2;
}

enum block_digest_kind block_digest_choose(const struct manifest *m)
{
	return has_sha256(m) && hash_sha256_is_fast() ? BLOCK_DIGEST_SHA256
						      : BLOCK_DIGEST_BLAKE2B;
}

size_t block_digest_len(const struct manifest *m)
{
	return list_len(m) * (has_sha256(m) ? 2 : 1);
}

static void sha256(uint8_t out[SIZE], const void *p, size_t len)
{
	struct nf_hash h;

	hash_bytes(&h, NF_SHA256, p, len);
	memcpy(out, h.bytes, SIZE);
}

void block_digest_put(uint8_t *lists, const struct manifest *m, uint64_t index,
		      const void *p, size_t len)
{
	blake2b(lists + index * SIZE, p, len);
	if (has_sha256(m))
		sha256(lists + list_len(m) + index * SIZE, p, len);
}

bool block_digest_match(const uint8_t *lists, const struct manifest *m,
			enum block_digest_kind kind, uint64_t index, const void *p,
			size_t len)
{
	uint8_t digest[SIZE];

	if (kind == BLOCK_DIGEST_SHA256) {
		sha256(digest, p, len);
		lists += list_len(m);
	} else {
		blake2b(digest, p, len);
	}
	return memcmp(digest, lists + index * SIZE, SIZE) == 0;
}

void block_digest_pin(struct manifest *m, const uint8_t *lists)
{
	blake2b(m->blake2b_digest, lists, list_len(m));
	if (has_sha256(m))
		sha256(m->sha256_digest, lists + list_len(m), list_len(m));
}

int block_digest_check(const struct manifest *m, const uint8_t *lists, size_t len,
		       struct nf_err *err)
{
	uint64_t count = manifest_block_count(m);
	struct manifest found = { .version = m->version,
				  .payload_size = m->payload_size };

	if (len != block_digest_len(m))
		return err_set(err, NF_E_FORMAT,
			       "%zu %s of block digests for %" PRIu64 " %s", len,
			       plural(len, "byte", "bytes"), count,
			       plural(count, "block", "blocks"));
	block_digest_pin(&found, lists);
	if (memcmp(found.blake2b_digest, m->blake2b_digest, SIZE) != 0 ||
	    memcmp(found.sha256_digest, m->sha256_digest, SIZE) != 0)
		return err_set(err, NF_E_HASH,
			       "the block digests are not those that were signed");
	return 0;
}
