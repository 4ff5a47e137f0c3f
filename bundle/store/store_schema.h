/* What stands beside a store's database: the number of its schema, and the lock that
 * guards changes of it. */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include <nixferry/slice.h>
#include <stdbool.h>

#include "base/err.h"

/* The tables of schema version 10, to be made where they are missing. */
extern const char store_schema_sql[];

/* Whether an object of a database, of that type and made by that SQL, does no more than
 * Nix's own: views, virtual tables, and triggers that Nix does not make, decide what
 * becomes of a row. */
bool store_schema_is_harmless(struct nf_slice type, struct nf_slice sql);

/* Reads STATE_DIR/db/schema: *ret_new where the store has no database yet. A version
 * other than 10 is NF_E_UNSUPPORTED, named. TO_WRITE: the file must be one that others
 * cannot change (base/owner.h). */
int store_schema_read(const char *state_dir, bool to_write, bool *ret_new,
		      struct nf_err *err) MUST_CHECK;

/* Says, durably, that the tables are there. */
int store_schema_write(const char *state_dir, struct nf_err *err) MUST_CHECK;

/* Opens STATE_DIR/db/big-lock and takes it shared; *ret_fd is the caller's and holds it.
 */
int store_schema_lock(const char *state_dir, int *ret_fd, struct nf_err *err) MUST_CHECK;

#endif
