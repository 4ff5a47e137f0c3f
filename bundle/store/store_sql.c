#include "store/store_sql.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/cleanup.h"
#include "base/free_space.h"
#include "base/interrupt.h"
#include "base/mem.h"
#include "store/store_text.h"

/* Registering is short: a process that holds the lock longer than this is stuck. */
#define BUSY_TRIES    2000
#define BUSY_PAUSE_US 10000
/* Number of instructions of SQLite's virtual machine: some milliseconds. */
#define STEPS_BETWEEN_LOOKS 100000

static const char *const stmt_sql[STORE_STMT_COUNT] = {
	[STORE_INSERT_PATH] =
		("insert into ValidPaths (path, hash, registrationTime, deriver, "
		 "narSize, ultimate, sigs, ca) values (?, ?, ?, ?, ?, null, ?, ?)"),
	[STORE_INSERT_REF] =
		"insert or replace into Refs (referrer, reference) values (?, ?)",
	[STORE_INSERT_OUTPUT] =
		"insert or replace into DerivationOutputs (drv, id, path) values (?, ?, ?)",
	[STORE_QUERY_PATH] =
		"select id, hash, deriver, narSize, sigs, ca from ValidPaths where path = ?",
	[STORE_QUERY_REFS] =
		"select path from Refs join ValidPaths on reference = id where referrer = ?",
	[STORE_UPDATE_SIGS] = "update ValidPaths set sigs = ? where id = ?",
	[STORE_UPDATE_PATH] =
		("update ValidPaths set ultimate = case when hash = ?1 then ultimate end, "
		 "hash = ?1, narSize = ?2, deriver = ?3, sigs = ?4, ca = ?5 where id = ?6"),
	[STORE_DELETE_REFS] = "delete from Refs where referrer = ?",
	[STORE_QUERY_SCHEMA] = "select type, name, sql from sqlite_master",
	[STORE_QUERY_HASH_PART] =
		"select path from ValidPaths where path >= ? order by path limit 1",
	[STORE_QUERY_ALL] =
		"select id, hash, deriver, narSize, sigs, ca, path from ValidPaths",
	[STORE_QUERY_BAD_REFS] = ("select v.path, r.referrer, r.reference from Refs r "
				  "left join ValidPaths v on v.id = r.referrer "
				  "left join ValidPaths w on w.id = r.reference "
				  "where v.id is null or w.id is null"),
};

/* SQLite does not always say why it could not create or write a file. */
static bool is_disk_full(const struct store_sql *c)
{
	struct free_space space;

	return !free_space_of_path(&space, c->real_file, NULL) &&
	       (space.bytes == 0 || space.inodes == 0);
}

static enum nf_error class_of(const struct store_sql *c, int code, int sys_errno)
{
	if (code == SQLITE_FULL || sys_errno == ENOSPC || sys_errno == EDQUOT)
		return NF_E_NOSPACE;
	if ((code == SQLITE_CANTOPEN || code == SQLITE_IOERR) && is_disk_full(c))
		return NF_E_NOSPACE;
	if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
		return NF_E_FORMAT;
	return NF_E_SYS;
}

/* The error of the system call that made the last call fail, or 0. SQLite does not keep
 * it for every call. errno still has it then: callers clear errno before they call
 * SQLite. */
static int system_errno(const struct store_sql *c, int code)
{
	int saved = errno;
	int kept = sqlite3_system_errno(c->sql);

	if (code != SQLITE_IOERR && code != SQLITE_CANTOPEN)
		return 0;
	return kept ? kept : saved;
}

/* The reason why the last call failed. */
static int sql_failure(const struct store_sql *c, struct nf_err *err)
{
	int code = sqlite3_errcode(c->sql) & 0xff;
	int sys_errno = system_errno(c, code);
	char cause[128];
	int rc;

	if (code == SQLITE_INTERRUPT || code == SQLITE_BUSY || code == SQLITE_LOCKED) {
		rc = interrupt_check(err);
		if (rc)
			return rc;
	}
	if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
		return err_set(err, NF_E_SYS,
			       "database '%s' is in use by another process", c->file);
	rc = err_set(err, class_of(c, code, sys_errno), "database '%s': %s%s%s", c->file,
		     sqlite3_errmsg(c->sql), sys_errno ? ": " : "",
		     sys_errno ? strerror_r(sys_errno, cause, sizeof(cause)) : "");
	if (err)
		err->sys_errno = sys_errno;
	return rc;
}

int store_sql_exec(struct store_sql *c, const char *sql, struct nf_err *err)
{
	errno = 0;
	return sqlite3_exec(c->sql, sql, NULL, NULL, NULL) == SQLITE_OK
		       ? 0
		       : sql_failure(c, err);
}

/* ---- waiting ---- */

/* Whether to retry what another process has locked. */
static int wait_for_others(void *unused, int count)
{
	(void)unused;
	if (count >= BUSY_TRIES || interrupt_pending())
		return 0;
	usleep(BUSY_PAUSE_US);
	return 1;
}

static int is_interrupted(void *unused)
{
	(void)unused;
	return interrupt_pending();
}

int store_sql_connect(struct store_sql *c, enum store_sql_mode mode, struct nf_err *err)
{
	static const struct {
		int flags;
		const char *query;
	} how[] = {
		[STORE_SQL_READ] = { SQLITE_OPEN_READONLY, "?mode=ro" },
		[STORE_SQL_READ_NOBODY_WRITES] = { SQLITE_OPEN_READONLY, "?immutable=1" },
		[STORE_SQL_WRITE] = { SQLITE_OPEN_READWRITE, "" },
		[STORE_SQL_CREATE] = { SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "" },
	};
	AUTO_FREE char *uri = store_text_uri(c->real_file, how[mode].query);
	int code;

	errno = 0;
	code = sqlite3_open_v2(uri, &c->sql,
			       how[mode].flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX |
				       SQLITE_OPEN_NOFOLLOW,
			       NULL);
	if (!c->sql)
		return err_set(err, NF_E_SYS, "database '%s': out of memory", c->file);
	sqlite3_extended_result_codes(c->sql, 0);
	sqlite3_busy_handler(c->sql, wait_for_others, NULL);
	sqlite3_progress_handler(c->sql, STEPS_BETWEEN_LOOKS, is_interrupted, NULL);
	/* Functions in the schema may not run unless they are harmless. */
	sqlite3_db_config(c->sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	return code == SQLITE_OK ? 0 : sql_failure(c, err);
}

void store_sql_disconnect(struct store_sql *c)
{
	for (size_t i = 0; i < STORE_STMT_COUNT; i++)
		sqlite3_finalize(TAKE_PTR(c->stmts[i]));
	sqlite3_close(TAKE_PTR(c->sql));
}

bool store_sql_is_unwritable(const struct store_sql *c)
{
	int code = sqlite3_errcode(c->sql) & 0xff;

	return code == SQLITE_CANTOPEN || code == SQLITE_READONLY;
}

int store_sql_begin(struct store_sql *c, struct nf_err *err)
{
	return store_sql_exec(c, "begin immediate", err);
}

int store_sql_end(struct store_sql *c, int rc, struct nf_err *err)
{
	if (!rc) {
		rc = store_sql_exec(c, "commit", err);
		/* The next process to open the database may recover what is already in
		 * the log. */
		c->is_in_doubt |= rc != 0;
	}
	if (rc && !sqlite3_get_autocommit(c->sql))
		sqlite3_exec(c->sql, "rollback", NULL, NULL, NULL);
	return rc;
}

int store_sql_prepare(struct store_sql *c, enum store_stmt which, sqlite3_stmt **ret,
		      struct nf_err *err)
{
	errno = 0;
	if (!c->stmts[which] &&
	    sqlite3_prepare_v3(c->sql, stmt_sql[which], -1, SQLITE_PREPARE_PERSISTENT,
			       &c->stmts[which], NULL) != SQLITE_OK)
		return sql_failure(c, err);
	*ret = c->stmts[which];
	return 0;
}

void store_sql_reset(sqlite3_stmt **s)
{
	if (*s) {
		sqlite3_reset(*s);
		sqlite3_clear_bindings(*s);
	}
}

void store_sql_bind_text(sqlite3_stmt *s, int i, struct nf_slice text)
{
	if (text.len)
		sqlite3_bind_text(s, i, text.ptr, (int)text.len, SQLITE_STATIC);
	else
		sqlite3_bind_null(s, i);
}

void store_sql_bind_int(sqlite3_stmt *s, int i, int64_t value)
{
	sqlite3_bind_int64(s, i, value);
}

int store_sql_step(struct store_sql *c, sqlite3_stmt *s, bool *ret_row,
		   struct nf_err *err)
{
	int code;

	errno = 0;
	code = sqlite3_step(s);
	*ret_row = code == SQLITE_ROW;
	return code == SQLITE_ROW || code == SQLITE_DONE ? 0 : sql_failure(c, err);
}

int store_sql_run(struct store_sql *c, sqlite3_stmt *s, struct nf_err *err)
{
	errno = 0;
	if (sqlite3_step(s) != SQLITE_DONE)
		return sql_failure(c, err);
	if (sqlite3_changes(c->sql) != 1)
		return err_set(err, NF_E_SYS,
			       "database '%s' did not store what was written", c->file);
	return 0;
}

struct nf_slice store_sql_text(sqlite3_stmt *s, int i)
{
	const char *text = (const char *)sqlite3_column_text(s, i);

	return text ? nf_slice(text, (size_t)sqlite3_column_bytes(s, i))
		    : (struct nf_slice){ 0 };
}

int64_t store_sql_int(sqlite3_stmt *s, int i)
{
	return sqlite3_column_int64(s, i);
}

int64_t store_sql_last_id(const struct store_sql *c)
{
	return sqlite3_last_insert_rowid(c->sql);
}
