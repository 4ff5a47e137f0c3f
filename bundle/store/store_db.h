/* The database of a Nix store, schema version 10.
 * Source of the format: Nix, src/libstore/schema.sql and local-store.cc. */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <nixferry/pathinfo.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

struct store_db;

enum store_db_mode {
	STORE_DB_WRITE, /* creates a missing database; holds big-lock shared */
	STORE_DB_READ,	/* NF_E_MISSING if there is none; never blocks or changes a live
			   store */
};

/* STATE_DIR: "/mnt/nix/var/nix". A schema other than 10 is NF_E_UNSUPPORTED, which names
 * it. */
int store_db_open(struct store_db **ret, const char *state_dir, enum store_db_mode mode,
		  struct nf_err *err) MUST_CHECK;
void store_db_free(struct store_db *db);
DEFINE_CLEANUP(struct store_db *, store_db_free)

/* NF_E_MISSING if the path is not valid; NF_E_UNSUPPORTED if it is valid but its row
 * cannot be read. INFO is always initialised. WITH_REFS: also reads its references. */
int store_db_query(struct store_db *db, const struct nf_storepath *path, bool with_refs,
		   struct nf_pathinfo *info, struct nf_err *err) MUST_CHECK;
int store_db_is_valid(struct store_db *db, const struct nf_storepath *path, bool *ret,
		      struct nf_err *err) MUST_CHECK;

/* NF_E_FORMAT if PATH is not valid but a different path with the same hash part is. That
 * never happens unless somebody wants one path to be mistaken for the other, for instance
 * when it is locked. */
int store_db_check_hash(struct store_db *db, const struct nf_storepath *path,
			struct nf_err *err) MUST_CHECK;

/* Registers paths and their references in one transaction, as Nix does: every reference
 * must be valid or in the same set (NF_E_MISSING). "ultimate" is NULL, the given
 * signatures and time are stored. For derivations, which are read from STORE_FD (the
 * directory of the paths, borrowed), also registers the outputs whose paths are known. A
 * path that is already valid keeps its row and gains the signatures that it lacks;
 * NF_E_SYS if its hash or size differs. */
int store_db_register(struct store_db *db, int store_fd,
		      const struct nf_pathinfo *const *infos, size_t count,
		      int64_t registration_time, struct nf_err *err) MUST_CHECK;

/* True if a commit failed: the paths may be valid for the next process that opens the
 * database, although they are not for this connection. */
bool store_db_is_in_doubt(const struct store_db *db);

/* Adds signatures that valid paths lack, in one transaction; *ret_added is the number of
 * paths that gained some. Skips a path that is not valid, or is valid with a hash or size
 * other than the signed one. */
int store_db_add_sigs(struct store_db *db, const struct nf_pathinfo *const *infos,
		      size_t count, size_t *ret_added, struct nf_err *err) MUST_CHECK;

/* Rewrites the rows of valid paths, whose contents on the disk are those of INFOS, in one
 * transaction: hash, size and references become those of INFOS. Of a row with the same
 * hash, what Nix can read of deriver, signatures and content address stays. */
int store_db_rewrite(struct store_db *db, const struct nf_pathinfo *const *infos,
		     size_t count, struct nf_err *err) MUST_CHECK;

#endif
