#include "store/store_db.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"
#include "store/drv_file.h"
#include "store/store_schema.h"
#include "store/store_text.h"

/* Registering is short; whoever holds the lock longer than this is stuck. */
#define BUSY_TIMEOUT_MS 20000

enum stmt {
	INSERT_PATH,
	INSERT_REF,
	INSERT_OUTPUT,
	QUERY_PATH,
	QUERY_REFS,
	UPDATE_SIGS,
	STMT_COUNT,
};

static const char *const stmt_sql[STMT_COUNT] = {
	[INSERT_PATH] = "insert into ValidPaths (path, hash, registrationTime, deriver, "
			"narSize, ultimate, sigs, ca) values (?, ?, ?, ?, ?, null, ?, ?)",
	[INSERT_REF] = "insert or replace into Refs (referrer, reference) values (?, ?)",
	[INSERT_OUTPUT] = "insert or replace into DerivationOutputs (drv, id, path) "
			  "values (?, ?, ?)",
	[QUERY_PATH] = "select id, hash, deriver, narSize, sigs, ca from ValidPaths "
		       "where path = ?",
	[QUERY_REFS] = "select path from Refs join ValidPaths on reference = id "
		       "where referrer = ?",
	[UPDATE_SIGS] = "update ValidPaths set sigs = ? where id = ?",
};

/* The columns of QUERY_PATH. */
enum column {
	COL_ID,
	COL_HASH,
	COL_DERIVER,
	COL_NAR_SIZE,
	COL_SIGS,
	COL_CA,
};

struct store_db {
	sqlite3 *sql;
	sqlite3_stmt *stmts[STMT_COUNT]; /* prepared when first needed */
	char *file;			 /* for messages */
	int lock_fd;			 /* big-lock, held shared; -1 when reading */
	bool at_rest;			 /* when it was opened for reading: */
	struct stat rest;		 /* as it was then */
};

static enum nf_error class_of(int code, int sys_errno)
{
	if (code == SQLITE_FULL || sys_errno == ENOSPC || sys_errno == EDQUOT)
		return NF_E_NOSPACE;
	if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
		return NF_E_FORMAT;
	return NF_E_SYS;
}

static int fail(const struct store_db *db, struct nf_err *err)
{
	int code = sqlite3_errcode(db->sql) & 0xff;
	int sys_errno = sqlite3_system_errno(db->sql);
	int rc;

	if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
		return err_set(err, NF_E_SYS,
			       "database '%s' is in use by another process", db->file);
	rc = err_set(err, class_of(code, sys_errno), "database '%s': %s", db->file,
		     sqlite3_errmsg(db->sql));
	if (err)
		err->sys_errno = sys_errno;
	return rc;
}

static int exec(struct store_db *db, const char *sql, struct nf_err *err)
{
	return sqlite3_exec(db->sql, sql, NULL, NULL, NULL) == SQLITE_OK ? 0
									 : fail(db, err);
}

static int connect(struct store_db *db, int flags, const char *query, struct nf_err *err)
{
	AUTO_FREE char *uri = store_text_uri(db->file, query);
	int code = sqlite3_open_v2(uri, &db->sql,
				   flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);

	if (!db->sql)
		return err_set(err, NF_E_SYS, "database '%s': out of memory", db->file);
	sqlite3_extended_result_codes(db->sql, 0);
	sqlite3_busy_timeout(db->sql, BUSY_TIMEOUT_MS);
	return code == SQLITE_OK ? 0 : fail(db, err);
}

static int open_for_writing(struct store_db *db, const char *state_dir,
			    struct nf_err *err)
{
	bool new;
	int rc = store_schema_lock(state_dir, &db->lock_fd, err);

	if (!rc)
		rc = store_schema_read(state_dir, &new, err);
	if (!rc)
		rc = connect(db, SQLITE_OPEN_READWRITE | (new ? SQLITE_OPEN_CREATE : 0),
			     "", err);
	if (rc)
		return rc;
	/* Full, where Nix has normal: a commit is on the disk when it returns. */
	rc = exec(db,
		  "pragma foreign_keys = 1; pragma main.journal_mode = wal; "
		  "pragma synchronous = full",
		  err);
	if (rc || !new)
		return rc;
	rc = exec(db, store_schema_sql, err);
	return rc ? rc : store_schema_write(state_dir, err);
}

static bool is_empty_or_missing(const char *file)
{
	struct stat st;

	return stat(file, &st) ? errno == ENOENT : st.st_size == 0;
}

/* True, with what tells it from any later state, if nobody has the database open: who
 * writes makes a log or journal first. Reading it then needs neither locks nor the files
 * that SQLite would make beside it, and leave there. */
static bool is_at_rest(const struct store_db *db, struct stat *ret)
{
	AUTO_FREE char *wal = mem_printf("%s-wal", db->file);
	AUTO_FREE char *journal = mem_printf("%s-journal", db->file);

	return access(wal, F_OK) && errno == ENOENT && is_empty_or_missing(journal) &&
	       stat(db->file, ret) == 0;
}

static bool has_woken(const struct store_db *db)
{
	const struct stat *was = &db->rest;
	struct stat now;

	return !is_at_rest(db, &now) || now.st_dev != was->st_dev ||
	       now.st_ino != was->st_ino || now.st_size != was->st_size ||
	       now.st_mtim.tv_sec != was->st_mtim.tv_sec ||
	       now.st_mtim.tv_nsec != was->st_mtim.tv_nsec;
}

/* A database that nobody has open and that we may not write beside can only be read as
 * immutable; that would miss what is still in its log. */
static int reopen_immutable(struct store_db *db, struct nf_err *err)
{
	AUTO_FREE char *wal = mem_printf("%s-wal", db->file);
	int code = sqlite3_errcode(db->sql) & 0xff;
	int rc;

	if (code != SQLITE_CANTOPEN && code != SQLITE_READONLY)
		return fail(db, err);
	if (!is_empty_or_missing(wal))
		return err_set(err, NF_E_SYS,
			       "database '%s' has a log that cannot be read without "
			       "write permission to its directory",
			       db->file);
	sqlite3_close(TAKE_PTR(db->sql));
	rc = connect(db, SQLITE_OPEN_READONLY, "?immutable=1", err);
	return rc ? rc : exec(db, "select id from ValidPaths limit 1", err);
}

static int connect_for_reading(struct store_db *db, struct nf_err *err)
{
	int rc = connect(db, SQLITE_OPEN_READONLY,
			 db->at_rest ? "?immutable=1" : "?mode=ro", err);

	if (rc)
		return rc;
	if (!exec(db, "select id from ValidPaths limit 1", NULL))
		return 0;
	return reopen_immutable(db, err);
}

static int open_for_reading(struct store_db *db, const char *state_dir,
			    struct nf_err *err)
{
	bool new;
	int rc = store_schema_read(state_dir, &new, err);

	if (rc)
		return rc;
	if (new || access(db->file, F_OK))
		return err_set(err, NF_E_MISSING, "'%s' has no store database",
			       state_dir);
	db->at_rest = is_at_rest(db, &db->rest);
	return connect_for_reading(db, err);
}

int store_db_open(struct store_db **ret, const char *state_dir, enum store_db_mode mode,
		  struct nf_err *err)
{
	AUTO(store_db_freep) struct store_db *db = mem_calloc(1, sizeof(*db));
	int rc;

	db->lock_fd = -1;
	db->file = mem_printf("%s/db/db.sqlite", state_dir);
	rc = mode == STORE_DB_WRITE ? open_for_writing(db, state_dir, err)
				    : open_for_reading(db, state_dir, err);
	if (rc)
		return rc;
	*ret = TAKE_PTR(db);
	return 0;
}

static void disconnect(struct store_db *db)
{
	for (size_t i = 0; i < STMT_COUNT; i++)
		sqlite3_finalize(TAKE_PTR(db->stmts[i]));
	sqlite3_close(TAKE_PTR(db->sql));
}

void store_db_free(struct store_db *db)
{
	if (!db)
		return;
	disconnect(db);
	cleanup_fd(&db->lock_fd);
	free(db->file);
	free(db);
}

static int prepare(struct store_db *db, enum stmt which, sqlite3_stmt **ret,
		   struct nf_err *err)
{
	if (!db->stmts[which] &&
	    sqlite3_prepare_v3(db->sql, stmt_sql[which], -1, SQLITE_PREPARE_PERSISTENT,
			       &db->stmts[which], NULL) != SQLITE_OK)
		return fail(db, err);
	*ret = db->stmts[which];
	return 0;
}

/* Ends a use of a statement; bound memory may go away afterwards. */
static void reset(sqlite3_stmt **s)
{
	if (*s) {
		sqlite3_reset(*s);
		sqlite3_clear_bindings(*s);
	}
}

/* Empty is NULL. The bytes are borrowed until reset. Binding can only fail for want of
 * memory, and the step then misses a value that may not be null. */
static void bind_text(sqlite3_stmt *s, int i, struct nf_slice text)
{
	if (text.len)
		sqlite3_bind_text(s, i, text.ptr, (int)text.len, SQLITE_STATIC);
	else
		sqlite3_bind_null(s, i);
}

static struct nf_slice column_text(sqlite3_stmt *s, int i)
{
	const char *text = (const char *)sqlite3_column_text(s, i);

	return text ? nf_slice(text, (size_t)sqlite3_column_bytes(s, i))
		    : (struct nf_slice){ 0 };
}

/* Steps a statement that gives no rows. */
static int run(struct store_db *db, sqlite3_stmt *s, struct nf_err *err)
{
	return sqlite3_step(s) == SQLITE_DONE ? 0 : fail(db, err);
}

/* The row of PATH (the full text) is then current in *s; false in *found if there is
 * none. */
static int find(struct store_db *db, const char *path, sqlite3_stmt **s, bool *found,
		struct nf_err *err)
{
	int rc = prepare(db, QUERY_PATH, s, err);
	int code;

	if (rc)
		return rc;
	bind_text(*s, 1, nf_slice_str(path));
	code = sqlite3_step(*s);
	*found = code == SQLITE_ROW;
	return code == SQLITE_ROW || code == SQLITE_DONE ? 0 : fail(db, err);
}

static int find_id(struct store_db *db, const char *path, int64_t *ret, bool *found,
		   struct nf_err *err)
{
	AUTO(reset) sqlite3_stmt *s = NULL;
	int rc = find(db, path, &s, found, err);

	if (!rc && *found)
		*ret = sqlite3_column_int64(s, COL_ID);
	return rc;
}

/* *RET if what was read of a database at rest may be a mixture of two states: it is now
 * read as one in use, and must be asked again. */
static int look_again(struct store_db *db, bool *ret, struct nf_err *err)
{
	*ret = db->at_rest && has_woken(db);
	if (!*ret)
		return 0;
	disconnect(db);
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
	found = find_id(db, text, &id, ret, err);
	rc = look_again(db, &again, err);
	if (!rc && again)
		found = find_id(db, text, &id, ret, err);
	return rc ? rc : found;
}

static void add_sigs(struct nf_pathinfo *info, struct nf_slice sigs)
{
	while (sigs.len) {
		struct nf_slice sig = slice_cut(&sigs, ' ');

		if (sig.len)
			nf_pathinfo_add_sig(info, sig);
	}
}

static int read_row(sqlite3_stmt *s, struct nf_pathinfo *info, struct nf_err *err)
{
	struct nf_slice deriver = column_text(s, COL_DERIVER);
	int64_t size = sqlite3_column_int64(s, COL_NAR_SIZE);
	struct nf_storepath drv;
	int rc;

	rc = nf_hash_parse(&info->nar_hash, column_text(s, COL_HASH), err);
	if (rc)
		return rc;
	if (size < 0)
		return err_set(err, NF_E_FORMAT, "a size below 0");
	info->nar_size = (uint64_t)size;
	if (deriver.len) {
		rc = nf_storepath_parse(&drv, deriver, err);
		if (!rc)
			rc = nf_pathinfo_set_deriver(info, nf_storepath_base(&drv), err);
		if (rc)
			return rc;
	}
	add_sigs(info, column_text(s, COL_SIGS));
	if (column_text(s, COL_CA).len)
		nf_pathinfo_set_ca(info, column_text(s, COL_CA));
	return 0;
}

static int read_refs(struct store_db *db, int64_t id, struct nf_pathinfo *info,
		     struct nf_err *err)
{
	AUTO(reset) sqlite3_stmt *s = NULL;
	int rc = prepare(db, QUERY_REFS, &s, err);
	struct nf_storepath ref;
	int code;

	if (rc)
		return rc;
	sqlite3_bind_int64(s, 1, id);
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		rc = nf_storepath_parse(&ref, column_text(s, 0), err);
		if (!rc)
			rc = nf_pathinfo_add_ref(info, nf_storepath_base(&ref), err);
		if (rc)
			return rc;
	}
	return code == SQLITE_DONE ? 0 : fail(db, err);
}

static int query(struct store_db *db, const struct nf_storepath *path, bool with_refs,
		 struct nf_pathinfo *info, struct nf_err *err)
{
	AUTO(reset) sqlite3_stmt *s = NULL;
	char text[NF_STOREPATH_TEXT_MAX];
	bool found;
	int rc;

	nf_pathinfo_init(info);
	info->path = *path;
	rc = find(db, nf_storepath_format(text, path), &s, &found, err);
	if (rc)
		return rc;
	if (!found)
		return err_set(err, NF_E_MISSING, "'%s' is not valid in '%s'", text,
			       db->file);
	rc = read_row(s, info, err);
	if (!rc && with_refs)
		rc = read_refs(db, sqlite3_column_int64(s, COL_ID), info, err);
	return rc ? err_prefix(err, rc, "database '%s': '%s'", db->file, text) : 0;
}

int store_db_query(struct store_db *db, const struct nf_storepath *path, bool with_refs,
		   struct nf_pathinfo *info, struct nf_err *err)
{
	int found = query(db, path, with_refs, info, err);
	bool again;
	int rc = look_again(db, &again, err);

	if (!rc && again) {
		nf_pathinfo_release(info);
		found = query(db, path, with_refs, info, err);
	}
	return rc ? rc : found;
}

static int begin(struct store_db *db, struct nf_err *err)
{
	return exec(db, "begin immediate", err);
}

/* Commits, or undoes everything if RC says that it failed. */
static int end(struct store_db *db, int rc, struct nf_err *err)
{
	if (!rc)
		rc = exec(db, "commit", err);
	if (rc && !sqlite3_get_autocommit(db->sql))
		sqlite3_exec(db->sql, "rollback", NULL, NULL, NULL);
	return rc;
}

static int insert_path(struct store_db *db, const struct nf_pathinfo *info, int64_t time,
		       const char *path, struct nf_err *err)
{
	AUTO_BUF struct buf sigs = { 0 };
	AUTO_FREE char *deriver = NULL;
	AUTO(reset) sqlite3_stmt *s = NULL;
	char hash[NF_HASH_TEXT_MAX];
	int rc;

	buf_init(&sigs, STORE_SIGS_MAX);
	rc = store_text_sigs(&sigs, info, err);
	if (!rc)
		rc = prepare(db, INSERT_PATH, &s, err);
	if (rc)
		return rc;
	if (info->deriver.len)
		deriver = mem_printf(NF_STORE_DIR "/%.*s", NF_SLICE_ARG(info->deriver));
	nf_hash_format(hash, &info->nar_hash, NF_HEX);
	bind_text(s, 1, nf_slice_str(path));
	bind_text(s, 2, nf_slice_str(hash));
	sqlite3_bind_int64(s, 3, time);
	bind_text(s, 4, nf_slice_str(deriver ? deriver : ""));
	if (info->nar_size)
		sqlite3_bind_int64(s, 5, (int64_t)info->nar_size);
	bind_text(s, 6, buf_slice(&sigs));
	bind_text(s, 7, info->ca);
	return run(db, s, err);
}

static int insert_ref(struct store_db *db, int64_t referrer, int64_t reference,
		      struct nf_err *err)
{
	AUTO(reset) sqlite3_stmt *s = NULL;
	int rc = prepare(db, INSERT_REF, &s, err);

	if (rc)
		return rc;
	sqlite3_bind_int64(s, 1, referrer);
	sqlite3_bind_int64(s, 2, reference);
	return run(db, s, err);
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
		rc = find_id(db, path, &ref_id, &found, err);
		if (rc)
			return rc;
		if (!found)
			return err_set(err, NF_E_MISSING,
				       "'" NF_STORE_DIR "/%s' refers to '%s', which is "
				       "not valid in '%s'",
				       info->path.base, path, db->file);
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
	AUTO(reset) sqlite3_stmt *s = NULL;
	int rc = prepare(db, INSERT_OUTPUT, &s, err);

	if (rc)
		return rc;
	sqlite3_bind_int64(s, 1, drv);
	bind_text(s, 2, output->name);
	bind_text(s, 3, nf_slice_str(path));
	return run(db, s, err);
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

static int update_sigs(struct store_db *db, const struct nf_pathinfo *info, int64_t id,
		       struct nf_err *err)
{
	AUTO_BUF struct buf sigs = { 0 };
	AUTO(reset) sqlite3_stmt *s = NULL;
	int rc;

	buf_init(&sigs, STORE_SIGS_MAX);
	rc = store_text_sigs(&sigs, info, err);
	if (!rc)
		rc = prepare(db, UPDATE_SIGS, &s, err);
	if (rc)
		return rc;
	bind_text(s, 1, buf_slice(&sigs));
	sqlite3_bind_int64(s, 2, id);
	return run(db, s, err);
}

/* What is in the database and what INFO has, together, if both are *ret_same: a signature
 * is of one hash and size, and means nothing for others. */
static int merge_sigs(struct store_db *db, const struct nf_pathinfo *info, int64_t id,
		      bool *ret_same, bool *ret_added, struct nf_err *err)
{
	AUTO(nf_pathinfo_release) struct nf_pathinfo have = { 0 };
	size_t before;
	int rc;

	*ret_added = false;
	*ret_same = false;
	rc = store_db_query(db, &info->path, false, &have, err);
	if (rc)
		return rc;
	*ret_same = nf_hash_eq(&have.nar_hash, &info->nar_hash) &&
		    (!have.nar_size || have.nar_size == info->nar_size);
	if (!*ret_same)
		return 0;
	before = have.nsigs;
	for (size_t i = 0; i < info->nsigs; i++)
		nf_pathinfo_add_sig(&have, info->sigs[i]);
	*ret_added = have.nsigs > before;
	return *ret_added ? update_sigs(db, &have, id, err) : 0;
}

/* Rows first, then references: a set may refer to itself in any order. */
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
		rc = find_id(db, path, &id, &found, err);
		if (!rc && found) {
			rc = merge_sigs(db, infos[i], id, &same, &added, err);
		} else if (!rc) {
			rc = insert_path(db, infos[i], time, path, err);
			ids[i] = sqlite3_last_insert_rowid(db->sql);
		}
		if (rc)
			return rc;
		if (!same)
			return err_set(err, NF_E_SYS,
				       "'%s' is valid in '%s' with another hash", path,
				       db->file);
	}
	return 0;
}

int store_db_register(struct store_db *db, int store_fd,
		      const struct nf_pathinfo *const *infos, size_t count,
		      int64_t registration_time, struct nf_err *err)
{
	AUTO_FREE int64_t *ids = mem_calloc(count, sizeof(*ids));
	int rc = begin(db, err);

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
	return end(db, rc, err);
}

int store_db_add_sigs(struct store_db *db, const struct nf_pathinfo *const *infos,
		      size_t count, size_t *ret_added, struct nf_err *err)
{
	char path[NF_STOREPATH_TEXT_MAX];
	bool found, same, added = false;
	size_t gained = 0;
	int64_t id = 0;
	int rc = begin(db, err);

	if (rc)
		return rc;
	for (size_t i = 0; !rc && i < count; i++) {
		nf_storepath_format(path, &infos[i]->path);
		rc = find_id(db, path, &id, &found, err);
		if (rc || !found)
			continue;
		rc = merge_sigs(db, infos[i], id, &same, &added, err);
		gained += added;
	}
	rc = end(db, rc, err);
	if (!rc)
		*ret_added = gained;
	return rc;
}
