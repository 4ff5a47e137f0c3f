/* Replaces the hash parts of store paths in bytes: those that a base has by those that
 * the new paths have instead. Both have 32 characters, so nothing moves. */
#ifndef HASH_REWRITE_H
#define HASH_REWRITE_H

#include <nixferry/bundle.h>
#include <stddef.h>

#include "base/cleanup.h"

/* Longest part of a hash part that may be cut off at the end of some bytes. */
#define HASH_REWRITE_CARRY (NF_STOREPATH_HASH_LEN - 1)

struct hash_rewrite;

/* From PAIRS (borrowed). */
struct hash_rewrite *hash_rewrite_new(const struct nf_bundle_rewrite *pairs,
				      size_t count);
void hash_rewrite_free(struct hash_rewrite *r);
DEFINE_CLEANUP(struct hash_rewrite *, hash_rewrite_free)

/* Rewrites from the left to the right; occurrences do not overlap. Returns how many bytes
 * are done: what follows, at most HASH_REWRITE_CARRY bytes, may be the beginning of a
 * hash part. R may be NULL: then all are done. */
size_t hash_rewrite_run(const struct hash_rewrite *r, char *p, size_t len);

/* Whether a hash part of the table begins in the first COUNT bytes. */
bool hash_rewrite_has(const struct hash_rewrite *r, const char *p, size_t len,
		      size_t count);

#endif
