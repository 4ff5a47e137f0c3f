/* Encodes a NAR as a patch of others. */
#ifndef DELTA_MAKE_H
#define DELTA_MAKE_H

#include <nixferry/stream.h>

#include "base/prefix_codec.h"
#include "delta/delta_base.h"
#include "delta/hash_rewrite.h"
#include "delta/nar_files.h"

struct delta_make_options {
	struct delta_base *nar;	       /* borrowed, as all of these */
	const struct nar_files *files; /* of the NAR */
	struct delta_base *const *bases;
	const struct nar_files *base_files; /* of all bases, sorted */
	size_t base_count;		    /* 1 to NF_BUNDLE_BASES_MAX */
	const struct hash_rewrite *rewrite; /* or NULL */
	struct prefix_encoder *encoder;
	uint64_t max_size; /* of the patch */
};

/* Writes the patch to OUT. The same NARs, in the same order, give the same bytes.
 * NF_E_LIMIT if the patch would be longer than max_size, or if a reader would refuse it:
 * then the NAR must be carried whole. */
int delta_make(const struct delta_make_options *opts, struct nf_sink *out,
	       struct nf_err *err) MUST_CHECK;

#endif
