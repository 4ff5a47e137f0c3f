/* A connection to a store's database and its statements: the only file that uses
 * SQLite. */
#ifndef STORE_SQL_H
#define STORE_SQL_H

#include <nixferry/slice.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct sqlite3;
struct sqlite3_stmt;

enum store_stmt {
	STORE_INSERT_PATH,
	STORE_INSERT_REF,
	STORE_INSERT_OUTPUT,
	STORE_QUERY_PATH,
	STORE_QUERY_REFS,
	STORE_UPDATE_SIGS,
	STORE_UPDATE_PATH,
	STORE_DELETE_REFS,
	STORE_QUERY_SCHEMA,    /* type, name, SQL text */
	STORE_QUERY_HASH_PART, /* the first path at or after a text */
	STORE_QUERY_ALL,       /* the columns of STORE_QUERY_PATH, and the path */
	STORE_QUERY_BAD_REFS,  /* the path or NULL, and the two ids */
	STORE_STMT_COUNT,
};

/* The columns of STORE_QUERY_PATH, the last of STORE_QUERY_ALL alone. */
enum store_column {
	STORE_COL_ID,
	STORE_COL_HASH,
	STORE_COL_DERIVER,
	STORE_COL_NAR_SIZE,
	STORE_COL_SIGS,
	STORE_COL_CA,
	STORE_COL_PATH,
};

/* All zero except for the file names: not connected. */
struct store_sql {
	char *file;	 /* the caller's, for messages */
	char *real_file; /* the caller's, free of links */
	struct sqlite3 *sql;
	struct sqlite3_stmt *stmts[STORE_STMT_COUNT]; /* prepared when first needed */
	bool is_in_doubt; /* a commit failed, but may have taken effect */
};

enum store_sql_mode {
	STORE_SQL_READ,
	STORE_SQL_READ_NOBODY_WRITES, /* neither locks nor files next to it */
	STORE_SQL_WRITE,
	STORE_SQL_CREATE,
};

int store_sql_connect(struct store_sql *c, enum store_sql_mode mode,
		      struct nf_err *err) MUST_CHECK;
void store_sql_disconnect(struct store_sql *c);

/* Runs statements that return no rows. */
int store_sql_exec(struct store_sql *c, const char *sql, struct nf_err *err) MUST_CHECK;
/* Whether it failed because nothing can be written next to the database. */
bool store_sql_is_unwritable(const struct store_sql *c);

int store_sql_begin(struct store_sql *c, struct nf_err *err) MUST_CHECK;
/* Commits, or rolls back if RC is an error. */
int store_sql_end(struct store_sql *c, int rc, struct nf_err *err) MUST_CHECK;

int store_sql_prepare(struct store_sql *c, enum store_stmt which,
		      struct sqlite3_stmt **ret, struct nf_err *err) MUST_CHECK;
/* Ends the use of a statement (may be NULL); bound memory may then be freed. */
void store_sql_reset(struct sqlite3_stmt **s);

/* An empty value becomes NULL. The bytes are borrowed until reset. Binding fails only
 * when out of memory; the step then fails because a value that may not be null is
 * missing. */
void store_sql_bind_text(struct sqlite3_stmt *s, int i, struct nf_slice text);
void store_sql_bind_int(struct sqlite3_stmt *s, int i, int64_t value);
/* *RET_ROW is true if a row is current, false after the last row. */
int store_sql_step(struct store_sql *c, struct sqlite3_stmt *s, bool *ret_row,
		   struct nf_err *err) MUST_CHECK;
/* Runs a statement that returns no rows and changes one. */
int store_sql_run(struct store_sql *c, struct sqlite3_stmt *s,
		  struct nf_err *err) MUST_CHECK;
struct nf_slice store_sql_text(struct sqlite3_stmt *s, int i);
int64_t store_sql_int(struct sqlite3_stmt *s, int i);
int64_t store_sql_last_id(const struct store_sql *c);

#endif
