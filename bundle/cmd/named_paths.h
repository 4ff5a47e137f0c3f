/* Store paths that a user names together: those of an inventory, a bundle, a store, or an
 * installable and its closure. */
#ifndef NAMED_PATHS_H
#define NAMED_PATHS_H

#include <nixferry/bundle.h>
#include <nixferry/key.h>
#include <nixferry/pathinfo.h>
#include <stdbool.h>

#include "base/sandbox.h"
#include "input/installable.h"
#include "pool/pool.h"
#include "store/local_store.h"

struct named_paths {
	const char *arg;
	int fd;	    /* of an inventory or a bundle; -1 */
	char *root; /* of a store, without slashes at its end; NULL */
	struct installable path;
};

/* Finds out what ARG (borrowed; "-" is an inventory or a bundle on standard input) is,
 * and opens the file. N is always initialised. */
int named_paths_open(struct named_paths *n, const char *arg,
		     struct nf_err *err) MUST_CHECK;
void named_paths_release(struct named_paths *n);
bool named_paths_is_installable(const struct named_paths *n);

/* Grants reading the store. */
void named_paths_grant(const struct named_paths *n, struct sandbox *s);

/* What they are read with; all borrowed. */
struct named_sources {
	const struct nf_keyring *keys;	      /* one of these must have signed a bundle */
	const struct nf_secret_key *sign_key; /* or this one; may be NULL */
	struct pool *pool;		      /* closures of installables; or NULL */
	struct local_store *store;	      /* likewise */
};

struct named_visitor {
	/* A path. INFO is NULL if nothing else is known about it: in an inventory, and in
	 * a store without with_infos. */
	int (*path)(void *ctx, const struct nf_bundle_required *path,
		    const struct nf_pathinfo *info, struct nf_err *err);
	/* A path that a bundle requires without carrying it. */
	int (*required)(void *ctx, const struct nf_bundle_required *path,
			struct nf_err *err);
	/* A root of a bundle, or the installable; may be NULL. */
	void (*root)(void *ctx, const struct nf_storepath *path);
	bool with_infos;
	void *ctx;
};

/* Reads them once. */
int named_paths_read(struct named_paths *n, const struct named_sources *sources,
		     const struct named_visitor *visitor, struct nf_err *err) MUST_CHECK;

#endif
