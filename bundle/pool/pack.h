/* From pool entries to a bundle. */
#ifndef PACK_H
#define PACK_H

#include <nixferry/pack.h>

#include "base/progress.h"
#include "pool/pool.h"

/* A store that has what the pool lacks. What it says of a path is trusted: it is a store
 * whose owner the user trusts. */
struct pack_origin {
	void *ctx;
	/* Facts of a path, or NF_E_MISSING; INFO is initialised in any case. On the
	 * caller's thread. */
	int (*find)(void *ctx, const struct nf_storepath *path, struct nf_pathinfo *info,
		    struct nf_err *err);
	/* Its NAR, unverified. Any thread. */
	int (*nar)(void *ctx, const struct nf_storepath *path, struct nf_source **ret,
		   struct nf_err *err);
};

struct pack_options {
	const struct nf_storepath *roots; /* each with its closure */
	size_t root_count;
	const struct nf_secret_key
		*key; /* signs the bundle, and paths that have no signature or that
			 only a trusted store vouched for */
	int level;    /* zstd level, or POOL_KEEP: each NAR as it is in the pool */
	const struct pack_origin *origin; /* or NULL: the pool alone */
	const struct nf_keyring *keys;	  /* for signatures of the origin and of the pool;
					     NULL: none */
	bool sign_all;			  /* every path, with KEY */
	size_t jobs;			  /* 0: one a processor */
	struct progress *progress;
};

/* Writes the closure of the roots to OUTPUT, as pack_output.h has it. What the pool lacks
 * comes into it from the origin, verified; entries in another encoding than LEVEL asks
 * for are encoded anew. NF_E_MISSING names a path of the closure that neither has and who
 * refers to it. */
int pack_bundle(struct pool *p, const char *output, const struct pack_options *opts,
		struct nf_pack_result *ret, struct nf_err *err) MUST_CHECK;

#endif
