/* Packs a closure from a pool, and from a store, into one signed bundle. */
#ifndef NIXFERRY_PACK_H
#define NIXFERRY_PACK_H

#include <nixferry/bundle.h>
#include <nixferry/decls.h>
#include <nixferry/err.h>
#include <nixferry/key.h>
#include <nixferry/storepath.h>
#include <nixferry/trust.h>
#include <nixferry/watch.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

NF_BEGIN_DECLS

/* All pointers are borrowed until the call returns. */
struct nf_pack_options {
	const char *pool_dir;		  /* required */
	const struct nf_storepath *roots; /* required; each is packed with its closure */
	size_t root_count;
	/* The root of a store on this machine ("/"): paths that the pool lacks are copied
	 * from it into the pool, and its database is trusted without signatures. NULL:
	 * only the pool is used. */
	const char *from_store;
	const struct nf_secret_key
		*key; /* required; signs the bundle, and each path without a signature */
	const struct nf_keyring *keys; /* paths that they vouch for need no further
					  signature; may be NULL */
	bool sign_all;		       /* sign each path with KEY */
	/* What the bundle says about its targets; may be NULL. Its required paths are
	 * what they have: these are not packed, nor is what they refer to, and the bundle
	 * requires those that are roots or that a packed path refers to. */
	const struct nf_bundle_terms *terms;
	/* Paths of these terms from which patches may be made: a NAR that is clearly
	 * smaller as a patch is packed as one, and the bundle requires what it is made
	 * from. The pool or the store must have them; those that they lack are not
	 * used. */
	const struct nf_bundle_required *bases;
	size_t base_count;
	/* A zstd level from 1 to 19; the NARs in the pool are re-encoded with it. 0: each
	 * NAR as it is in the pool. */
	int level;
	size_t jobs;		      /* number of threads; 0: one per processor */
	const struct nf_watch *watch; /* may be NULL */
};

struct nf_pack_result {
	size_t paths;
	size_t required;    /* paths that were left out, and that the target must have */
	size_t patches;	    /* NARs that are made from these */
	uint64_t nar_bytes; /* unpacked size */
	uint64_t bundle_bytes;
	char *own_key;		   /* "NAME:BASE64": public half of the signing key */
	struct nf_key_needs needs; /* other keys that an importer must trust */
};

/* Writes the bundle to the file OUTPUT, which is replaced once the new one is complete
 * and on the disk; "-" is standard output. NF_E_MISSING names a path of the closure that
 * is in neither, and its referrer. RET is filled on success. */
int nf_pack(const char *output, const struct nf_pack_options *opts,
	    struct nf_pack_result *ret, struct nf_err *err) NF_MUST_CHECK;
void nf_pack_result_release(struct nf_pack_result *r);

NF_END_DECLS

#endif
