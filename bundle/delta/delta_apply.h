/* Makes a NAR from a patch and its bases. docs/bundle-format.md describes the encoding.
 */
#ifndef DELTA_APPLY_H
#define DELTA_APPLY_H

#include <nixferry/bundle.h>
#include <nixferry/stream.h>

#include "delta/delta_base.h"
#include "delta/hash_rewrite.h"

#define DELTA_MAGIC "nixferry-patch 1\n"

enum delta_step {
	DELTA_COPY = 1,
	DELTA_ZSTD = 2,
};

struct delta_apply_options {
	/* Opens base I of COUNT, when it is first needed. */
	int (*open)(void *ctx, size_t i, struct delta_base **ret, struct nf_err *err);
	void *ctx;
	size_t count;
	const struct hash_rewrite *rewrite; /* borrowed; or NULL */
	uint64_t nar_size;		    /* what the patch may make at most */
};

/* The NAR that the patch IN (taken over) makes. Nothing of it is verified: wrap it in
 * nar_checked_source(). A patch that breaks the format is NF_E_FORMAT. */
struct nf_source *delta_apply_source(struct nf_source *in,
				     const struct delta_apply_options *opts);

#endif
