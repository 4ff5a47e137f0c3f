/* The manifest of a bundle: what its payload holds, and where. Text, and canonical: each
 * manifest has exactly one text, and each accepted text formats back to itself.
 * The grammar is in docs/bundle-format.md. */
#ifndef MANIFEST_H
#define MANIFEST_H

#include <nixferry/bundle.h>
#include <nixferry/storepath.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"

/* The two lists of block digests have digests of the same size. */
#define MANIFEST_DIGEST_SIZE BLAKE2B_SIZE

struct manifest {
	unsigned version;
	uint64_t payload_size;
	/* BLAKE2b digest of all BLAKE2b digests of blocks, one after another, and, in
	 * version 2, the same with SHA-256. */
	uint8_t blake2b_digest[MANIFEST_DIGEST_SIZE];
	uint8_t sha256_digest[MANIFEST_DIGEST_SIZE];
	struct nf_bundle_terms terms; /* what it points to is owned */
	char *notes;		      /* the lines "note WORD TEXT", or NULL */
	struct nf_storepath *roots;
	size_t root_count;
	struct nf_bundle_member *members;
	size_t member_count;
};

void manifest_init(struct manifest *m);
void manifest_release(struct manifest *m);

/* Takes copies of TERMS in their canonical order. NF_E_FORMAT for what the format does
 * not allow, such as a path that is required twice. */
int manifest_set_terms(struct manifest *m, const struct nf_bundle_terms *terms,
		       struct nf_err *err) MUST_CHECK;

/* Makes MEMBER a patch of paths that the terms require, or does nothing if COUNT is 0. */
int manifest_set_bases(const struct manifest *m, struct nf_bundle_member *member,
		       const struct nf_storepath *const *bases, unsigned count,
		       struct nf_err *err) MUST_CHECK;

/* Whether they need version 2. TERMS may be NULL. */
bool manifest_has_terms(const struct nf_bundle_terms *terms);

/* Whether TEXT can be the name of a series, or a date. */
bool manifest_is_series(struct nf_slice text);
bool manifest_is_date(struct nf_slice text);

/* Always initialises the struct. On success every guarantee of the format holds: names,
 * their order and uniqueness, offsets without gap or overlap, sizes within the limits.
 * NF_E_UNSUPPORTED for a later version, or what it would take one to read; NF_E_FORMAT
 * names the line. */
int manifest_parse(struct manifest *m, struct nf_slice text,
		   struct nf_err *err) MUST_CHECK;

/* Computes every member's offset and the payload's size from names and sizes, and checks
 * the same guarantees (NF_E_FORMAT, NF_E_LIMIT). Repeated roots are an error. */
int manifest_layout(struct manifest *m, struct nf_err *err) MUST_CHECK;

/* Appends the text of a manifest after manifest_layout. */
void manifest_format(struct buf *out, const struct manifest *m);

/* Number of blocks in the payload. */
uint64_t manifest_block_count(const struct manifest *m);

#endif
