/* Digests and their text forms, as Nix writes them: "sha256:HEX", "sha256:NIX32",
 * "sha256:BASE64" and the SRI form "sha256-BASE64".
 * Source of the format: Nix, src/libutil/hash.cc and base-nix-32.cc. */
#ifndef NIXFERRY_HASH_H
#define NIXFERRY_HASH_H

#include <nixferry/decls.h>
#include <nixferry/err.h>
#include <nixferry/slice.h>
#include <stdbool.h>
#include <stdint.h>

NF_BEGIN_DECLS

#define NF_HASH_SIZE_MAX 64
/* "sha512:" + 128 hex digits + NUL */
#define NF_HASH_TEXT_MAX 136

enum nf_hash_algo {
	NF_MD5,
	NF_SHA1,
	NF_SHA256,
	NF_SHA512
};

enum nf_hash_form {
	NF_HEX,
	NF_NIX32,
	NF_BASE64,
	NF_SRI
};

struct nf_hash {
	enum nf_hash_algo algo;
	uint8_t bytes[NF_HASH_SIZE_MAX]; /* of which nf_hash_size(algo) count */
};

size_t nf_hash_size(enum nf_hash_algo algo);
const char *nf_hash_algo_name(enum nf_hash_algo algo);

/* "md5" "sha1" "sha256" "sha512"; false for any other name. */
bool nf_hash_algo_parse(enum nf_hash_algo *ret, struct nf_slice name);

/* Any of the four forms, with the name of the algorithm. NF_E_FORMAT for nonzero padding
 * bits, characters outside the alphabet or a wrong length; NF_E_UNSUPPORTED for any other
 * algorithm. */
int nf_hash_parse(struct nf_hash *h, struct nf_slice text,
		  struct nf_err *err) NF_MUST_CHECK;

/* The digest alone; its length determines its encoding. */
int nf_hash_parse_digest(struct nf_hash *h, enum nf_hash_algo algo,
			 struct nf_slice digest, struct nf_err *err) NF_MUST_CHECK;

/* With the algorithm's prefix ("sha256:" or, for NF_SRI, "sha256-"). Returns OUT. */
char *nf_hash_format(char out[NF_HASH_TEXT_MAX], const struct nf_hash *h,
		     enum nf_hash_form form);

bool nf_hash_eq(const struct nf_hash *a, const struct nf_hash *b);

NF_END_DECLS

#endif
