/* Encodes NARs of a bundle as patches of paths that its targets have. */
#ifndef PACK_DELTA_H
#define PACK_DELTA_H

#include "pool/pack.h"
#include "pool/pool_closure.h"

/* The patch of one path. */
struct pack_patch {
	struct nf_storepath path;
	struct nf_bundle_required base;
	uint64_t file_size;    /* of the whole NAR in the pool */
	bool is_made;	       /* otherwise the path is carried whole */
	uint64_t offset, size; /* in the file of all patches */
	struct nf_hash digest;
};

struct pack_delta {
	struct pack_patch *patches; /* by path */
	size_t count;
	struct nf_bundle_rewrite *rewrites;
	size_t rewrite_count;
	int fd; /* of all patches; -1 */
};

void pack_delta_init(struct pack_delta *d);
void pack_delta_release(struct pack_delta *d);

/* Chooses a base for each path of the closure that targets lack, and makes its patch
 * where that is clearly smaller than its NAR in the pool, which must have it. OPTS as
 * those of pack_bundle. */
int pack_delta_make(struct pack_delta *d, struct pool *p, const struct pool_closure *c,
		    const struct pack_options *opts, struct nf_err *err) MUST_CHECK;

/* The patch of a path; NULL if it is carried whole. */
const struct pack_patch *pack_delta_find(const struct pack_delta *d,
					 const struct nf_storepath *path);

/* Makes INPUT the member of the NAR with this hash; PATCH outlives it. */
void pack_delta_input(struct nf_bundle_input *input, const struct nf_hash *nar_hash,
		      const struct pack_patch *patch);

#endif
