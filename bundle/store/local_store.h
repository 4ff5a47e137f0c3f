/* A store as a source: metadata from its database, NARs from its files. Reading changes
 * nothing in it and does not block other processes. */
#ifndef LOCAL_STORE_H
#define LOCAL_STORE_H

#include <nixferry/derivation.h>
#include <nixferry/pathinfo.h>
#include <nixferry/stream.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/err.h"

struct local_store;

/* Opens the store under ROOT ("/", "/mnt"). NF_E_MISSING if there is none;
 * NF_E_UNSUPPORTED for a database of another schema, which the error names. */
int local_store_open(struct local_store **ret, const char *root,
		     struct nf_err *err) MUST_CHECK;
void local_store_free(struct local_store *s);
DEFINE_CLEANUP(struct local_store *, local_store_free)
const char *local_store_root(const struct local_store *s);

/* Returns what the database says of a path, with its references. NF_E_MISSING if it is
 * not valid, NF_E_FORMAT if it is valid but missing on the disk. The caller must decide
 * why to trust it (nf_trust_by_store, nf_trust_pathinfo). INFO is always initialised. One
 * thread at a time. */
int local_store_find(struct local_store *s, const struct nf_storepath *path,
		     struct nf_pathinfo *info, struct nf_err *err) MUST_CHECK;

/* Whether a path is valid: cheaper than local_store_find, with the same NF_E_FORMAT. One
 * thread at a time. */
int local_store_is_valid(struct local_store *s, const struct nf_storepath *path,
			 bool *ret, struct nf_err *err) MUST_CHECK;

/* Reads a .drv file, as drv_file_read does. Any thread. */
int local_store_drv(const struct local_store *s, const struct nf_storepath *drv,
		    struct nf_derivation *ret, struct nf_err *err) MUST_CHECK;

/* Returns the NAR of a path as it is on the disk, which may differ from what the database
 * says: wrap it in nar_checked_source(). NF_E_FORMAT if it is missing. Close the source
 * before the store. Any thread. */
int local_store_nar(const struct local_store *s, const struct nf_storepath *path,
		    struct nf_source **ret, struct nf_err *err) MUST_CHECK;

#endif
