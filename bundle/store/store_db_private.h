/* Shared by the files that implement store_db.h. */
#ifndef STORE_DB_PRIVATE_H
#define STORE_DB_PRIVATE_H

#include <sys/stat.h>

#include "store/store_db.h"
#include "store/store_sql.h"

struct store_db {
	struct store_sql sql;
	int lock_fd;	  /* big-lock, held shared; -1 when reading */
	bool at_rest;	  /* when it was opened for reading: */
	struct stat rest; /* its state at that time */
};

/* Makes the row of PATH (the full text) current in *s; *found is false if there is
 * none. */
int store_db_find(struct store_db *db, const char *path, struct sqlite3_stmt **s,
		  bool *found, struct nf_err *err) MUST_CHECK;
/* The id of the row of PATH (the full text); *found is false if there is none. */
int store_db_find_id(struct store_db *db, const char *path, int64_t *ret, bool *found,
		     struct nf_err *err) MUST_CHECK;
/* Sets *RET if what was read of a database at rest may be a mixture of two states. If so,
 * the database is now read as one in use, and the caller must ask again. */
int store_db_look_again(struct store_db *db, bool *ret, struct nf_err *err) MUST_CHECK;

#endif
