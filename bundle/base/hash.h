/* Digests. The only file that uses OpenSSL, xxhash and libsodium's BLAKE2b. */
#ifndef HASH_H
#define HASH_H

#include <nixferry/hash.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

/* A running digest of one of Nix's algorithms. */
struct hasher;

struct hasher *hasher_new(enum nf_hash_algo algo);
void hasher_free(struct hasher *h);
void hasher_update(struct hasher *h, const void *p, size_t len);
/* Ends the digest; afterwards the hasher can only be freed or reset. */
void hasher_final(struct hasher *h, struct nf_hash *ret);
DEFINE_CLEANUP(struct hasher *, hasher_free)

void hash_bytes(struct nf_hash *ret, enum nf_hash_algo algo, const void *p, size_t len);

#define BLAKE2B_SIZE 32

/* BLAKE2b-256 without a key, as b2sum -l 256. */
void blake2b(uint8_t out[BLAKE2B_SIZE], const void *p, size_t len);

/* Whether this processor computes SHA-256 with instructions made for it: then it is some
 * three times as fast as BLAKE2b, otherwise not faster. */
bool hash_sha256_is_fast(void);

/* XXH3, for hash tables and for detecting bit rot; never for security. */
uint64_t xxh3_64(const void *p, size_t len);

struct xxh3; /* a running XXH3-128 */

#define XXH3_128_SIZE 16

struct xxh3 *xxh3_new(void);
void xxh3_free(struct xxh3 *x);
void xxh3_update(struct xxh3 *x, const void *p, size_t len);
/* Canonical (big-endian) bytes. */
void xxh3_final(struct xxh3 *x, uint8_t out[XXH3_128_SIZE]);
DEFINE_CLEANUP(struct xxh3 *, xxh3_free)

#endif
