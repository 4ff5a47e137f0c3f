/* What the simulated caches serve: store paths with real NARs, their encodings, and
 * narinfos, honest or not. */
#ifndef GOODS_H
#define GOODS_H

#include <nixferry/key.h>
#include <nixferry/pathinfo.h>
#include <nixferry/trust.h>

#include "base/buf.h"

/* A file in which a NAR is served. */
enum goods_encoding {
	GOODS_PLAIN,
	GOODS_ZSTD,
	GOODS_ZSTD_BEST, /* other bytes than those of GOODS_ZSTD */
	GOODS_ENCODINGS
};

#define GOODS_SIZE_MAX (900 * 1024)
#define GOODS_HASH_MAX 53 /* a SHA-256 in Nix's base 32, and NUL */

struct goods_file {
	struct buf bytes;
	uint64_t size; /* 0: not made yet */
	uint8_t sha256[32];
};

struct goods {
	struct nf_pathinfo info;
	struct nf_trusted trusted;
	struct goods_file files[GOODS_ENCODINGS];
	char *sig, *unknown_sig; /* by the trusted key, and by another */
};

struct goods_keys {
	struct nf_secret_key *trusted, *unknown;
	struct nf_keyring *ring;
};

void goods_keys_make(struct goods_keys *k);
void goods_keys_release(struct goods_keys *k);

/* One file of SIZE bytes that hardly compress; equal SEEDs give equal files. */
void goods_make(struct goods *g, const struct goods_keys *k, uint32_t seed, size_t size,
		const struct goods *const *refs, size_t ref_count);
/* Files of SIZES bytes that are not stored: each byte is 0 (see bulk.h). */
void goods_make_bulk(struct goods *g, const struct goods_keys *k, uint32_t seed,
		     const uint64_t sizes[GOODS_ENCODINGS],
		     const struct goods *const *refs, size_t ref_count);
void goods_release(struct goods *g);
const struct goods_file *goods_file(struct goods *g, enum goods_encoding encoding);

/* How a cache's narinfo differs from the truth. */
enum {
	INFO_UNSIGNED = 1,
	INFO_UNKNOWN_KEY = 2,
	INFO_FORGED = 4, /* other metadata under the signature of the true one */
	INFO_GARBAGE = 8,
	INFO_OTHER_PATH = 16,
	INFO_WRONG_SIZE = 32, /* of the file */
	INFO_NO_SIZE = 64,    /* no FileHash */
	INFO_NO_HASH = 128,   /* likewise */
	INFO_OTHER_CODEC = 256,
};

void goods_narinfo(struct goods *g, enum goods_encoding encoding, unsigned faults,
		   const char *url, struct buf *out);

#endif
