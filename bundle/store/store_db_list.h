/* Every row of a store's database, as it is written there. */
#ifndef STORE_DB_LIST_H
#define STORE_DB_LIST_H

#include "store/store_db.h"

/* The texts are borrowed until the call that has them returns. The pointer of one that is
 * NULL in the database is NULL. */
struct store_db_row {
	int64_t id;
	struct nf_slice path, hash, deriver, sigs, ca;
	int64_t nar_size; /* 0: not known */
};

/* Each function returns 0 or ends the list. */
struct store_db_visitor {
	/* What was told before does not count: the list begins. */
	int (*begin)(void *ctx, struct nf_err *err);
	int (*row)(void *ctx, const struct store_db_row *row, struct nf_err *err);
	/* A reference of which one end is not there; PATH is empty if that is the
	 * referrer. */
	int (*bad_ref)(void *ctx, struct nf_slice path, int64_t reference,
		       struct nf_err *err);
	void *ctx;
};

/* All rows in one state of the database, whoever writes to it. */
int store_db_list(struct store_db *db, const struct store_db_visitor *v,
		  struct nf_err *err) MUST_CHECK;

/* Whether PATH (the full text) is valid and still has that row: one that was removed and
 * registered again has another. */
int store_db_has_row(struct store_db *db, const char *path, int64_t id, bool *ret,
		     struct nf_err *err) MUST_CHECK;

#endif
