/* Files next to a store's database: the number of its schema, and the lock that guards
 * schema changes. */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include <nixferry/slice.h>
#include <stdbool.h>

#include "base/err.h"

/* The tables of schema version 10; created if they are missing. */
extern const char store_schema_sql[];

/* Whether a schema object of that type and SQL text is harmless, as all of Nix's own are.
 * Views, virtual tables and triggers that Nix does not create are not: they decide what
 * becomes of a row. */
bool store_schema_is_harmless(struct nf_slice type, struct nf_slice sql);

/* Reads STATE_DIR/db/schema: *ret_new if the store has no database yet. A version other
 * than 10 is NF_E_UNSUPPORTED, which names it. TO_WRITE: the file must not be writable by
 * others (base/owner.h). */
int store_schema_read(const char *state_dir, bool to_write, bool *ret_new,
		      struct nf_err *err) MUST_CHECK;

/* Records durably that the tables exist. */
int store_schema_write(const char *state_dir, struct nf_err *err) MUST_CHECK;

/* Opens STATE_DIR/db/big-lock and locks it shared; *ret_fd, which the caller closes,
 * holds the lock. */
int store_schema_lock(const char *state_dir, int *ret_fd, struct nf_err *err) MUST_CHECK;

#endif
