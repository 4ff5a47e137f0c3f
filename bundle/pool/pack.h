/* Packs pool entries into a bundle. */
#ifndef PACK_H
#define PACK_H

#include <nixferry/pack.h>

#include "base/progress.h"
#include "format/inventory.h"
#include "pool/pool.h"

/* A store that has paths missing from the pool. Its metadata is trusted: the user trusts
 * its owner. */
struct pack_origin {
	void *ctx;
	/* Returns a path's metadata, or NF_E_MISSING; INFO is always initialised. Called
	 * on the calling thread. */
	int (*find)(void *ctx, const struct nf_storepath *path, struct nf_pathinfo *info,
		    struct nf_err *err);
	/* Returns its NAR, unverified. Called on any thread. */
	int (*nar)(void *ctx, const struct nf_storepath *path, struct nf_source **ret,
		   struct nf_err *err);
};

struct pack_options {
	const struct nf_storepath *roots; /* each with its closure */
	size_t root_count;
	const struct nf_secret_key
		*key; /* signs the bundle, and paths without a signature or that only a
			 trusted store vouched for */
	int level;    /* zstd level, or POOL_KEEP: each NAR as it is in the pool */
	const struct pack_origin *origin; /* or NULL: use the pool only */
	const struct nf_keyring
		*keys; /* verifies signatures of the origin and of the pool; NULL: none */
	const struct nf_bundle_terms *terms; /* as in struct nf_pack_options */
	/* What patches may be made from: paths that all targets have, which OPTS' terms
	 * require as well; or NULL. */
	const struct inventory *bases;
	bool sign_all; /* sign every path with KEY */
	size_t jobs;   /* 0: one per processor */
	struct progress *progress;
};

/* Writes the closure of the roots to OUTPUT, see pack_output.h. Paths that are missing
 * from the pool are copied into it from the origin and verified; entries with an encoding
 * other than LEVEL are re-encoded. NF_E_MISSING names a path of the closure that neither
 * has, and its referrer. */
int pack_bundle(struct pool *p, const char *output, const struct pack_options *opts,
		struct nf_pack_result *ret, struct nf_err *err) MUST_CHECK;

#endif
