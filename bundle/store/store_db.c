#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/slice.h"
#include "format/pathinfo_fill.h"
#include "store/db_files.h"
#include "store/store_db_private.h"
#include "store/store_schema.h"

static bool has_tables(struct store_db *db)
{
	return !store_sql_exec(&db->sql, "select id from ValidPaths limit 1", NULL);
}

/* A schema can hold triggers and views, which decide what becomes of a row. */
static int check_schema(struct store_db *db, struct nf_err *err)
{
	AUTO(store_sql_reset) struct sqlite3_stmt *s = NULL;
	int rc = store_sql_prepare(&db->sql, STORE_QUERY_SCHEMA, &s, err);
	bool row = true;

	while (!rc) {
		rc = store_sql_step(&db->sql, s, &row, err);
		if (rc || !row)
			break;
		if (!store_schema_is_harmless(store_sql_text(s, 0), store_sql_text(s, 2)))
			return err_set(
				err, NF_E_UNSUPPORTED,
				"database '%s' has the %.*s '%.*s', which Nix does not create: drop it",
				db->sql.file, NF_SLICE_ARG(store_sql_text(s, 0)),
				NF_SLICE_ARG(store_sql_text(s, 1)));
	}
	return rc;
}

static int open_for_writing(struct store_db *db, const char *state_dir,
			    struct nf_err *err)
{
	bool new;
	int rc = store_schema_lock(state_dir, &db->lock_fd, err);

	if (!rc)
		rc = store_schema_read(state_dir, true, &new, err);
	if (!rc)
		rc = db_files_check(db->sql.real_file,
				    new ? DB_FILES_CREATE : DB_FILES_WRITE, err);
	if (!rc)
		rc = store_sql_connect(&db->sql, new ? STORE_SQL_CREATE : STORE_SQL_WRITE,
				       err);
	if (rc)
		return rc;
	/* Full, where Nix uses normal: a commit is on the disk when it returns. */
	rc = store_sql_exec(
		&db->sql,
		"pragma foreign_keys = 1; pragma main.journal_mode = wal; pragma synchronous = full",
		err);
	if (!rc)
		rc = check_schema(db, err);
	/* Its creator was killed, or lost power, before it created the tables. */
	if (!rc && (new || !has_tables(db)))
		rc = store_sql_exec(&db->sql, store_schema_sql, err);
	return rc || !new ? rc : store_schema_write(state_dir, err);
}

static int check_readable(struct store_db *db, struct nf_err *err)
{
	int rc = check_schema(db, err);

	return rc ? rc
		  : store_sql_exec(&db->sql, "select id from ValidPaths limit 1", err);
}

/* Only a process with write permission can roll back what a killed writer left in its
 * log. */
static int recover(struct store_db *db, struct nf_err *err)
{
	int rc = db_files_check(db->sql.real_file, DB_FILES_WRITE, NULL);

	store_sql_disconnect(&db->sql);
	if (!rc)
		rc = store_sql_connect(&db->sql, STORE_SQL_WRITE, NULL);
	if (!rc)
		rc = check_readable(db, NULL);
	if (!rc)
		return 0;
	return err_set(
		err, NF_E_SYS,
		"database '%s' has a log that cannot be read without write permission to its directory",
		db->sql.file);
}

/* A database that no process has open, in a directory that we may not write to, can only
 * be opened as immutable. That would ignore the contents of its log. */
static int reopen(struct store_db *db, struct nf_err *err)
{
	int rc;

	if (!db_files_log_is_empty(db->sql.real_file))
		return recover(db, err);
	store_sql_disconnect(&db->sql);
	rc = store_sql_connect(&db->sql, STORE_SQL_READ_NOBODY_WRITES, err);
	return rc ? rc : check_readable(db, err);
}

static int connect_for_reading(struct store_db *db, struct nf_err *err)
{
	struct nf_err why;
	int rc = store_sql_connect(
		&db->sql, db->at_rest ? STORE_SQL_READ_NOBODY_WRITES : STORE_SQL_READ,
		err);

	if (rc)
		return rc;
	rc = check_readable(db, &why);
	if (rc && store_sql_is_unwritable(&db->sql))
		return reopen(db, err);
	if (rc && err)
		*err = why;
	return rc;
}

static int open_for_reading(struct store_db *db, const char *state_dir,
			    struct nf_err *err)
{
	bool new;
	int rc = store_schema_read(state_dir, false, &new, err);

	if (rc)
		return rc;
	if (db_files_is_blank(db->sql.real_file))
		return err_set(err, NF_E_MISSING, "'%s' has no store database",
			       state_dir);
	rc = db_files_check(db->sql.real_file, DB_FILES_READ, err);
	if (rc)
		return rc;
	db->at_rest = db_files_at_rest(db->sql.real_file, &db->rest);
	rc = connect_for_reading(db, err);
	/* Tables but no schema number: the creator was killed between the two. */
	return rc && new ? err_set(err, NF_E_MISSING, "'%s' has no store database",
				   state_dir)
			 : rc;
}

int store_db_open(struct store_db **ret, const char *state_dir, enum store_db_mode mode,
		  struct nf_err *err)
{
	AUTO(store_db_freep) struct store_db *db = mem_calloc(1, sizeof(*db));
	int rc;

	db->lock_fd = -1;
	db->sql.file = mem_printf("%s/db/db.sqlite", state_dir);
	db->sql.real_file = mode == STORE_DB_WRITE ? db_files_writable(state_dir)
						   : db_files_readable(state_dir);
	rc = mode == STORE_DB_WRITE ? open_for_writing(db, state_dir, err)
				    : open_for_reading(db, state_dir, err);
	if (rc)
		return rc;
	*ret = TAKE_PTR(db);
	return 0;
}

void store_db_free(struct store_db *db)
{
	if (!db)
		return;
	store_sql_disconnect(&db->sql);
	cleanup_fd(&db->lock_fd);
	free(db->sql.file);
	free(db->sql.real_file);
	free(db);
}

/* Makes the row of PATH (the full text) current in *s; *found is false if there is
 * none. */
int store_db_find(struct store_db *db, const char *path, struct sqlite3_stmt **s,
		  bool *found, struct nf_err *err)
{
	int rc = store_sql_prepare(&db->sql, STORE_QUERY_PATH, s, err);

	if (rc)
		return rc;
	store_sql_bind_text(*s, 1, nf_slice_str(path));
	return store_sql_step(&db->sql, *s, found, err);
}

int store_db_find_id(struct store_db *db, const char *path, int64_t *ret, bool *found,
		     struct nf_err *err)
{
	AUTO(store_sql_reset) struct sqlite3_stmt *s = NULL;
	int rc = store_db_find(db, path, &s, found, err);

	if (!rc && *found)
		*ret = store_sql_int(s, STORE_COL_ID);
	return rc;
}

int store_db_look_again(struct store_db *db, bool *ret, struct nf_err *err)
{
	*ret = db->at_rest && db_files_has_woken(db->sql.real_file, &db->rest);
	if (!*ret)
		return 0;
	store_sql_disconnect(&db->sql);
	db->at_rest = false;
	return connect_for_reading(db, err);
}

int store_db_is_valid(struct store_db *db, const struct nf_storepath *path, bool *ret,
		      struct nf_err *err)
{
	char text[NF_STOREPATH_TEXT_MAX];
	bool again;
	int64_t id;
	int rc, found;

	nf_storepath_format(text, path);
	found = store_db_find_id(db, text, &id, ret, err);
	rc = store_db_look_again(db, &again, err);
	if (!rc && again)
		found = store_db_find_id(db, text, &id, ret, err);
	return rc ? rc : found;
}

int store_db_check_hash(struct store_db *db, const struct nf_storepath *path,
			struct nf_err *err)
{
	AUTO(store_sql_reset) struct sqlite3_stmt *s = NULL;
	const size_t len = strlen(NF_STORE_DIR "/") + NF_STOREPATH_HASH_LEN;
	char text[NF_STOREPATH_TEXT_MAX];
	struct nf_slice other;
	bool found = false;
	int rc = store_sql_prepare(&db->sql, STORE_QUERY_HASH_PART, &s, err);

	if (rc)
		return rc;
	nf_storepath_format(text, path);
	store_sql_bind_text(s, 1, nf_slice(text, len));
	rc = store_sql_step(&db->sql, s, &found, err);
	other = found ? store_sql_text(s, 0) : (struct nf_slice){ 0 };
	if (rc || other.len < len || memcmp(other.ptr, text, len) != 0 ||
	    nf_slice_is(other, text))
		return rc;
	return err_set(
		err, NF_E_FORMAT,
		"'%s' has the hash part of '%.*s', which is valid in '%s': one of them is forged",
		text, NF_SLICE_ARG(other), db->sql.file);
}

static void read_sigs(struct nf_pathinfo *info, struct nf_slice column)
{
	struct nf_slice sigs = arena_slice(pathinfo_arena(info), column);

	while (sigs.len) {
		struct nf_slice sig = slice_cut(&sigs, ' ');

		if (sig.len)
			pathinfo_take_sig(info, sig);
	}
	pathinfo_unique_sigs(info);
}

/* A reference that is not a path is skipped, though Nix would fail. */
static void read_deriver(struct nf_pathinfo *info, struct nf_slice column)
{
	struct nf_storepath drv;

	if (!column.len)
		return;
	if (nf_storepath_parse(&drv, column, NULL))
		info->left_out++;
	else
		nf_pathinfo_set_deriver(info, nf_storepath_base(&drv));
}

/* An unreadable row does not make the rest of the database unusable. */
static int unreadable(struct nf_err *err)
{
	if (err)
		err->code = NF_E_UNSUPPORTED;
	return -NF_E_UNSUPPORTED;
}

static int read_row(struct sqlite3_stmt *s, struct nf_pathinfo *info, struct nf_err *err)
{
	int64_t size = store_sql_int(s, STORE_COL_NAR_SIZE);
	int rc;

	rc = nf_hash_parse(&info->nar_hash, store_sql_text(s, STORE_COL_HASH), err);
	if (!rc && size < 0)
		rc = err_set(err, NF_E_FORMAT, "a negative size");
	if (rc)
		return unreadable(err);
	info->nar_size = (uint64_t)size;
	read_deriver(info, store_sql_text(s, STORE_COL_DERIVER));
	read_sigs(info, store_sql_text(s, STORE_COL_SIGS));
	if (store_sql_text(s, STORE_COL_CA).len)
		nf_pathinfo_set_ca(info, store_sql_text(s, STORE_COL_CA));
	return 0;
}

static int read_refs(struct store_db *db, int64_t id, struct nf_pathinfo *info,
		     struct nf_err *err)
{
	AUTO(store_sql_reset) struct sqlite3_stmt *s = NULL;
	int rc = store_sql_prepare(&db->sql, STORE_QUERY_REFS, &s, err);
	struct nf_storepath ref;
	bool row;

	if (rc)
		return rc;
	store_sql_bind_int(s, 1, id);
	while (!(rc = store_sql_step(&db->sql, s, &row, err)) && row) {
		rc = nf_storepath_parse(&ref, store_sql_text(s, 0), err);
		if (!rc)
			rc = nf_pathinfo_add_ref(info, nf_storepath_base(&ref), err);
		if (rc)
			return unreadable(err);
	}
	return rc;
}

static int query(struct store_db *db, const struct nf_storepath *path, bool with_refs,
		 struct nf_pathinfo *info, struct nf_err *err)
{
	AUTO(store_sql_reset) struct sqlite3_stmt *s = NULL;
	char text[NF_STOREPATH_TEXT_MAX];
	bool found;
	int rc;

	nf_pathinfo_init(info);
	info->path = *path;
	rc = store_db_find(db, nf_storepath_format(text, path), &s, &found, err);
	if (rc)
		return rc;
	if (!found)
		return err_set(err, NF_E_MISSING, "'%s' is not valid in '%s'", text,
			       db->sql.file);
	rc = read_row(s, info, err);
	if (!rc && with_refs)
		rc = read_refs(db, store_sql_int(s, STORE_COL_ID), info, err);
	return rc ? err_prefix(err, rc, "database '%s': '%s'", db->sql.file, text) : 0;
}

int store_db_query(struct store_db *db, const struct nf_storepath *path, bool with_refs,
		   struct nf_pathinfo *info, struct nf_err *err)
{
	int found = query(db, path, with_refs, info, err);
	bool again;
	int rc = store_db_look_again(db, &again, err);

	if (!rc && again) {
		nf_pathinfo_release(info);
		found = query(db, path, with_refs, info, err);
	}
	return rc ? rc : found;
}
