/* A store as a source: facts from its database, NARs from its files. Nothing in it is
 * changed, and whoever is working on it is not kept waiting. */
#ifndef LOCAL_STORE_H
#define LOCAL_STORE_H

#include <nixferry/derivation.h>
#include <nixferry/pathinfo.h>
#include <nixferry/stream.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/err.h"

struct local_store;

/* The store under ROOT ("/", "/mnt"). NF_E_MISSING where there is none; NF_E_UNSUPPORTED
 * for a database of another schema, named. */
int local_store_open(struct local_store **ret, const char *root,
		     struct nf_err *err) MUST_CHECK;
void local_store_free(struct local_store *s);
DEFINE_CLEANUP(struct local_store *, local_store_free)
const char *local_store_root(const struct local_store *s);

/* What the database says of a path, with its references: NF_E_MISSING if it is not valid,
 * NF_E_FORMAT if it is and is missing on the disk.
 * Who asks must say why that is to be trusted (nf_trust_by_store, nf_trust_pathinfo).
 * INFO is initialised in any case. One thread at a time. */
int local_store_find(struct local_store *s, const struct nf_storepath *path,
		     struct nf_pathinfo *info, struct nf_err *err) MUST_CHECK;

/* Whether a path is valid: less work than local_store_find, and the same NF_E_FORMAT. One
 * thread at a time. */
int local_store_is_valid(struct local_store *s, const struct nf_storepath *path,
			 bool *ret, struct nf_err *err) MUST_CHECK;

/* What a .drv file says, as drv_file_read. Any thread. */
int local_store_drv(const struct local_store *s, const struct nf_storepath *drv,
		    struct nf_derivation *ret, struct nf_err *err) MUST_CHECK;

/* The NAR of a path as it is on the disk, which need not be what the database says: put
 * nar_checked_source() around it. NF_E_FORMAT if it is not there. The source must be
 * closed before the store. Any thread. */
int local_store_nar(const struct local_store *s, const struct nf_storepath *path,
		    struct nf_source **ret, struct nf_err *err) MUST_CHECK;

#endif
