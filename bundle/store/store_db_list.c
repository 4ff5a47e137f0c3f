#include "store/store_db_list.h"

#include "store/store_db_private.h"

static int list_rows(struct store_db *db, const struct store_db_visitor *v,
		     struct nf_err *err)
{
	AUTO(store_sql_reset) struct sqlite3_stmt *s = NULL;
	int rc = store_sql_prepare(&db->sql, STORE_QUERY_ALL, &s, err);
	bool found = true;

	while (!rc) {
		struct store_db_row row;

		rc = store_sql_step(&db->sql, s, &found, err);
		if (rc || !found)
			break;
		row = (struct store_db_row){
			.id = store_sql_int(s, STORE_COL_ID),
			.path = store_sql_text(s, STORE_COL_PATH),
			.hash = store_sql_text(s, STORE_COL_HASH),
			.deriver = store_sql_text(s, STORE_COL_DERIVER),
			.sigs = store_sql_text(s, STORE_COL_SIGS),
			.ca = store_sql_text(s, STORE_COL_CA),
			.nar_size = store_sql_int(s, STORE_COL_NAR_SIZE),
		};
		rc = v->row(v->ctx, &row, err);
	}
	return rc;
}

static int list_bad_refs(struct store_db *db, const struct store_db_visitor *v,
			 struct nf_err *err)
{
	AUTO(store_sql_reset) struct sqlite3_stmt *s = NULL;
	int rc = store_sql_prepare(&db->sql, STORE_QUERY_BAD_REFS, &s, err);
	bool found = true;

	while (!rc) {
		rc = store_sql_step(&db->sql, s, &found, err);
		if (rc || !found)
			break;
		rc = v->bad_ref(v->ctx, store_sql_text(s, 0), store_sql_int(s, 2), err);
	}
	return rc;
}

/* In one transaction, which keeps no writer waiting where there is a log. */
static int list_all(struct store_db *db, const struct store_db_visitor *v,
		    struct nf_err *err)
{
	int rc = v->begin(v->ctx, err);

	if (!rc)
		rc = store_sql_exec(&db->sql, "begin", err);
	if (rc)
		return rc;
	rc = list_rows(db, v, err);
	if (!rc)
		rc = list_bad_refs(db, v, err);
	(void)!store_sql_exec(&db->sql, "rollback", NULL);
	return rc;
}

int store_db_list(struct store_db *db, const struct store_db_visitor *v,
		  struct nf_err *err)
{
	struct nf_err why = { 0 };
	int listed = list_all(db, v, &why);
	bool again;
	int rc = store_db_look_again(db, &again, err);

	if (!rc && again)
		return list_all(db, v, err);
	if (!rc && listed && err)
		*err = why;
	return rc ? rc : listed;
}

int store_db_has_row(struct store_db *db, const char *path, int64_t id, bool *ret,
		     struct nf_err *err)
{
	int64_t now = id;
	bool again;
	int rc, found = store_db_find_id(db, path, &now, ret, err);

	rc = store_db_look_again(db, &again, err);
	if (!rc && again)
		found = store_db_find_id(db, path, &now, ret, err);
	*ret = *ret && now == id;
	return rc ? rc : found;
}
