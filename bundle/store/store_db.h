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
	STORE_DB_WRITE, /* creates a new database where there is none; holds big-lock
			   shared */
	STORE_DB_READ, /* NF_E_MISSING where there is none; never blocks or changes a live
			  store */
};

/* STATE_DIR: "/mnt/nix/var/nix". A schema other than 10 is NF_E_UNSUPPORTED, named. */
int store_db_open(struct store_db **ret, const char *state_dir, enum store_db_mode mode,
		  struct nf_err *err) MUST_CHECK;
void store_db_free(struct store_db *db);
DEFINE_CLEANUP(struct store_db *, store_db_free)

/* NF_E_MISSING if the path is not valid; NF_E_UNSUPPORTED if it is, but its row cannot be
 * read. INFO is initialised in any case. WITH_REFS: also
 * its references. */
int store_db_query(struct store_db *db, const struct nf_storepath *path, bool with_refs,
		   struct nf_pathinfo *info, struct nf_err *err) MUST_CHECK;
int store_db_is_valid(struct store_db *db, const struct nf_storepath *path, bool *ret,
		      struct nf_err *err) MUST_CHECK;

/* NF_E_FORMAT if another path is valid whose hash part is that of PATH, which is not. No
 * two paths have one hash part, unless somebody wants one to be taken for what belongs to
 * the other, such as its lock. */
int store_db_check_hash(struct store_db *db, const struct nf_storepath *path,
			struct nf_err *err) MUST_CHECK;

/* Registers paths and their references in one transaction, as Nix does: every reference
 * must be valid or in the same set (NF_E_MISSING). NULL in ultimate, the signatures kept,
 * the time that is given. Of derivations, which are read in STORE_FD (the directory where
 * the paths are, borrowed), also the outputs whose paths are known. A path that is valid
 * already is left, and gains the signatures that it lacks; with another hash or size it
 * is NF_E_SYS. */
int store_db_register(struct store_db *db, int store_fd,
		      const struct nf_pathinfo *const *infos, size_t count,
		      int64_t registration_time, struct nf_err *err) MUST_CHECK;

/* True if a commit failed: what was to be registered may be valid for whoever opens the
 * database next, although it is not for this connection. */
bool store_db_is_in_doubt(const struct store_db *db);

/* Adds the signatures that valid paths lack, in one transaction; *ret_added counts the
 * paths that gained some. A path that is not valid, or valid with another hash or size
 * than was signed, is left as it is. */
int store_db_add_sigs(struct store_db *db, const struct nf_pathinfo *const *infos,
		      size_t count, size_t *ret_added, struct nf_err *err) MUST_CHECK;

#endif
