#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/drv_file.h"
#include "store/row_form.h"
#include "store/store_db_private.h"
#include "store/store_text.h"

static int insert_path(struct store_db *db, const struct nf_pathinfo *info, int64_t time,
		       const char *path, struct nf_err *err)
{
	AUTO_BUF struct buf sigs = { 0 };
	AUTO_FREE char *deriver = NULL;
	AUTO(store_sql_reset) struct sqlite3_stmt *s = NULL;
	char hash[NF_HASH_TEXT_MAX];
	int rc = store_sql_prepare(&db->sql, STORE_INSERT_PATH, &s, err);

	if (rc)
		return rc;
	buf_init(&sigs, SIZE_MAX);
	store_text_sigs(&sigs, (struct nf_slice){ 0 }, info);
	if (info->deriver.len)
		deriver = mem_printf(NF_STORE_DIR "/%.*s", NF_SLICE_ARG(info->deriver));
	nf_hash_format(hash, &info->nar_hash, NF_HEX);
	store_sql_bind_text(s, 1, nf_slice_str(path));
	store_sql_bind_text(s, 2, nf_slice_str(hash));
	store_sql_bind_int(s, 3, time);
	store_sql_bind_text(s, 4, nf_slice_str(deriver ? deriver : ""));
	if (info->nar_size)
		store_sql_bind_int(s, 5, (int64_t)info->nar_size);
	store_sql_bind_text(s, 6, buf_slice(&sigs));
	store_sql_bind_text(s, 7, info->ca);
	return store_sql_run(&db->sql, s, err);
}

static int insert_ref(struct store_db *db, int64_t referrer, int64_t reference,
		      struct nf_err *err)
{
	AUTO(store_sql_reset) struct sqlite3_stmt *s = NULL;
	int rc = store_sql_prepare(&db->sql, STORE_INSERT_REF, &s, err);

	if (rc)
		return rc;
	store_sql_bind_int(s, 1, referrer);
	store_sql_bind_int(s, 2, reference);
	return store_sql_run(&db->sql, s, err);
}

static int insert_refs(struct store_db *db, const struct nf_pathinfo *info, int64_t id,
		       struct nf_err *err)
{
	char path[NF_STOREPATH_TEXT_MAX];
	int64_t ref_id = 0;
	bool found;
	int rc;

	for (size_t i = 0; i < info->nrefs; i++) {
		snprintf(path, sizeof(path), NF_STORE_DIR "/%.*s",
			 NF_SLICE_ARG(info->refs[i]));
		rc = store_db_find_id(db, path, &ref_id, &found, err);
		if (rc)
			return rc;
		if (!found)
			return err_set(err, NF_E_MISSING,
				       "'" NF_STORE_DIR
				       "/%s' refers to '%s', which is not valid in '%s'",
				       info->path.base, path, db->sql.file);
		rc = insert_ref(db, id, ref_id, err);
		if (rc)
			return rc;
	}
	return 0;
}

static int insert_output(struct store_db *db, int64_t drv,
			 const struct nf_drv_output *output, struct nf_err *err)
{
	AUTO_FREE char *path =
		mem_printf(NF_STORE_DIR "/%.*s", NF_SLICE_ARG(output->path));
	AUTO(store_sql_reset) struct sqlite3_stmt *s = NULL;
	int rc = store_sql_prepare(&db->sql, STORE_INSERT_OUTPUT, &s, err);

	if (rc)
		return rc;
	store_sql_bind_int(s, 1, drv);
	store_sql_bind_text(s, 2, output->name);
	store_sql_bind_text(s, 3, nf_slice_str(path));
	return store_sql_run(&db->sql, s, err);
}

static int insert_outputs(struct store_db *db, int store_fd,
			  const struct nf_storepath *path, int64_t id, struct nf_err *err)
{
	AUTO(nf_derivation_release) struct nf_derivation drv = { 0 };
	int rc = drv_file_read(store_fd, path, &drv, err);

	for (size_t i = 0; !rc && i < drv.noutputs; i++)
		if (drv.outputs[i].path.len)
			rc = insert_output(db, id, &drv.outputs[i], err);
	return rc;
}

static int update_sigs(struct store_db *db, struct nf_slice sigs, int64_t id,
		       struct nf_err *err)
{
	AUTO(store_sql_reset) struct sqlite3_stmt *s = NULL;
	int rc = store_sql_prepare(&db->sql, STORE_UPDATE_SIGS, &s, err);

	if (rc)
		return rc;
	store_sql_bind_text(s, 1, sigs);
	store_sql_bind_int(s, 2, id);
	return store_sql_run(&db->sql, s, err);
}

/* Whether a row matches INFO. A row whose hash cannot be read is left unchanged. */
static bool is_same(struct sqlite3_stmt *row, const struct nf_pathinfo *info,
		    bool *ret_readable)
{
	int64_t size = store_sql_int(row, STORE_COL_NAR_SIZE);
	struct nf_hash hash;

	*ret_readable =
		nf_hash_parse(&hash, store_sql_text(row, STORE_COL_HASH), NULL) == 0;
	return *ret_readable && nf_hash_eq(&hash, &info->nar_hash) &&
	       (size == 0 || (uint64_t)size == info->nar_size);
}

/* Merges the signatures of the database and of INFO if both are *ret_same: a signature
 * covers one hash and size, and is meaningless for others. */
static int merge_sigs(struct store_db *db, const struct nf_pathinfo *info,
		      const char *path, bool *ret_same, bool *ret_added,
		      struct nf_err *err)
{
	AUTO_BUF struct buf sigs = { 0 };
	AUTO(store_sql_reset) struct sqlite3_stmt *row = NULL;
	bool found, readable;
	int64_t id;
	int rc = store_db_find(db, path, &row, &found, err);

	*ret_added = false;
	*ret_same = false;
	if (rc || !found)
		return rc;
	*ret_same = is_same(row, info, &readable) || !readable;
	if (!*ret_same || !readable)
		return 0;
	buf_init(&sigs, SIZE_MAX);
	*ret_added =
		store_text_sigs(&sigs, store_sql_text(row, STORE_COL_SIGS), info) > 0;
	id = store_sql_int(row, STORE_COL_ID);
	return *ret_added ? update_sigs(db, buf_slice(&sigs), id, err) : 0;
}

/* Rows first, then references: paths of the set may refer to each other in any order. */
static int register_rows(struct store_db *db, const struct nf_pathinfo *const *infos,
			 size_t count, int64_t time, int64_t *ids, struct nf_err *err)
{
	char path[NF_STOREPATH_TEXT_MAX];
	bool found, same = true, added;
	int64_t id = 0;
	int rc;

	for (size_t i = 0; i < count; i++) {
		nf_storepath_format(path, &infos[i]->path);
		ids[i] = 0;
		rc = store_db_find_id(db, path, &id, &found, err);
		if (!rc && found) {
			rc = merge_sigs(db, infos[i], path, &same, &added, err);
		} else if (!rc) {
			rc = store_db_check_hash(db, &infos[i]->path, err);
			if (!rc)
				rc = insert_path(db, infos[i], time, path, err);
			ids[i] = store_sql_last_id(&db->sql);
		}
		if (rc)
			return rc;
		if (!same)
			return err_set(err, NF_E_SYS,
				       "'%s' is valid in '%s' with another hash", path,
				       db->sql.file);
	}
	return 0;
}

int store_db_register(struct store_db *db, int store_fd,
		      const struct nf_pathinfo *const *infos, size_t count,
		      int64_t registration_time, struct nf_err *err)
{
	AUTO_FREE int64_t *ids = mem_calloc(count, sizeof(*ids));
	int rc = store_sql_begin(&db->sql, err);

	if (rc)
		return rc;
	rc = register_rows(db, infos, count, registration_time, ids, err);
	for (size_t i = 0; !rc && i < count; i++) {
		if (!ids[i])
			continue;
		rc = insert_refs(db, infos[i], ids[i], err);
		if (!rc && nf_storepath_is_drv(&infos[i]->path))
			rc = insert_outputs(db, store_fd, &infos[i]->path, ids[i], err);
	}
	return store_sql_end(&db->sql, rc, err);
}

bool store_db_is_in_doubt(const struct store_db *db)
{
	return db->sql.is_in_doubt;
}

int store_db_add_sigs(struct store_db *db, const struct nf_pathinfo *const *infos,
		      size_t count, size_t *ret_added, struct nf_err *err)
{
	char path[NF_STOREPATH_TEXT_MAX];
	bool same, added = false;
	size_t gained = 0;
	int rc = store_sql_begin(&db->sql, err);

	if (rc)
		return rc;
	for (size_t i = 0; !rc && i < count; i++) {
		nf_storepath_format(path, &infos[i]->path);
		rc = merge_sigs(db, infos[i], path, &same, &added, err);
		gained += added;
	}
	rc = store_sql_end(&db->sql, rc, err);
	if (!rc)
		*ret_added = gained;
	return rc;
}

/* ---- rewriting rows ---- */

/* What a row becomes. */
struct new_row {
	int64_t id;
	char *deriver; /* or NULL */
	char *ca;      /* or NULL */
	struct buf sigs;
};

static void new_row_release(struct new_row *r)
{
	free(r->deriver);
	free(r->ca);
	buf_release(&r->sigs);
}

/* Only what describes the same contents stays. */
static void merge_row(struct new_row *ret, struct sqlite3_stmt *s,
		      const struct nf_pathinfo *info)
{
	struct store_db_row row = {
		.hash = store_sql_text(s, STORE_COL_HASH),
		.deriver = store_sql_text(s, STORE_COL_DERIVER),
		.sigs = store_sql_text(s, STORE_COL_SIGS),
		.ca = store_sql_text(s, STORE_COL_CA),
	};
	struct nf_hash hash;
	unsigned faults = row_form_judge(&row, &hash);
	bool same = !(faults & ROW_HASH) && nf_hash_eq(&hash, &info->nar_hash);

	ret->id = store_sql_int(s, STORE_COL_ID);
	if (same && row.deriver.len && !(faults & ROW_DERIVER))
		ret->deriver = mem_strndup(row.deriver.ptr, row.deriver.len);
	else if (info->deriver.len)
		ret->deriver =
			mem_printf(NF_STORE_DIR "/%.*s", NF_SLICE_ARG(info->deriver));
	if (info->ca.len)
		ret->ca = mem_strndup(info->ca.ptr, info->ca.len);
	else if (same && row.ca.len && !(faults & ROW_CA))
		ret->ca = mem_strndup(row.ca.ptr, row.ca.len);
	buf_init(&ret->sigs, SIZE_MAX);
	store_text_sigs(&ret->sigs, same ? row.sigs : (struct nf_slice){ 0 }, info);
}

static int update_row(struct store_db *db, const struct new_row *row,
		      const struct nf_pathinfo *info, struct nf_err *err)
{
	AUTO(store_sql_reset) struct sqlite3_stmt *s = NULL;
	int rc = store_sql_prepare(&db->sql, STORE_UPDATE_PATH, &s, err);
	char hash[NF_HASH_TEXT_MAX];

	if (rc)
		return rc;
	nf_hash_format(hash, &info->nar_hash, NF_HEX);
	store_sql_bind_text(s, 1, nf_slice_str(hash));
	store_sql_bind_int(s, 2, (int64_t)info->nar_size);
	store_sql_bind_text(s, 3, nf_slice_str(row->deriver ? row->deriver : ""));
	store_sql_bind_text(s, 4, buf_slice(&row->sigs));
	store_sql_bind_text(s, 5, nf_slice_str(row->ca ? row->ca : ""));
	store_sql_bind_int(s, 6, row->id);
	return store_sql_run(&db->sql, s, err);
}

static int delete_refs(struct store_db *db, int64_t id, struct nf_err *err)
{
	AUTO(store_sql_reset) struct sqlite3_stmt *s = NULL;
	int rc = store_sql_prepare(&db->sql, STORE_DELETE_REFS, &s, err);
	bool row;

	if (rc)
		return rc;
	store_sql_bind_int(s, 1, id);
	return store_sql_step(&db->sql, s, &row, err);
}

static int rewrite_row(struct store_db *db, const struct nf_pathinfo *info,
		       struct nf_err *err)
{
	AUTO(new_row_release) struct new_row new = { 0 };
	char path[NF_STOREPATH_TEXT_MAX];
	struct sqlite3_stmt *row = NULL;
	bool found = false;
	int rc;

	nf_storepath_format(path, &info->path);
	rc = store_db_find(db, path, &row, &found, err);
	if (!rc && found)
		merge_row(&new, row, info);
	store_sql_reset(&row);
	if (rc || !found)
		return rc;
	rc = update_row(db, &new, info, err);
	if (!rc)
		rc = delete_refs(db, new.id, err);
	return rc ? rc : insert_refs(db, info, new.id, err);
}

int store_db_rewrite(struct store_db *db, const struct nf_pathinfo *const *infos,
		     size_t count, struct nf_err *err)
{
	int rc = store_sql_begin(&db->sql, err);

	if (rc)
		return rc;
	for (size_t i = 0; !rc && i < count; i++)
		rc = rewrite_row(db, infos[i], err);
	return store_sql_end(&db->sql, rc, err);
}
