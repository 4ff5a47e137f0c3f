#include "store/store_db.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/slice.h"
#include "expect.h"
#include "fake_sig.h"
#include "skip.h"
#include "temp_dir.h"

#define STATE	 "nix/var/nix"
#define HASH_A	 "sgii4f5h9d2lym14f3av1r80w53l9k82"
#define HASH_B	 "xp0dpr9yz5h0fk5c5lpj7zzqjbdh3w8c"
#define HASH_C	 "gy454w1cxaq731grqwylhzf4pp9r5izh"
#define TREE_CA	 "fixed:r:sha256:12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx"
#define TREE_HEX "sha256:5d6abd8f4957424c186f7eeb3b60af6a57a4b65f6861f48284481f1a86ecfb8a"

static int setup(void **state)
{
	temp_dir_setup(state);
	temp_dir_mkdir(*state, STATE "/db");
	return 0;
}

static struct store_db *open_db(const struct temp_dir *t, enum store_db_mode mode)
{
	AUTO_FREE char *dir = temp_dir_join(t, STATE);
	struct store_db *db = NULL;
	struct nf_err err = { 0 };

	if (store_db_open(&db, dir, mode, &err))
		fail_msg("%s", err.text);
	return db;
}

static int open_error(const struct temp_dir *t, enum store_db_mode mode,
		      struct nf_err *err)
{
	AUTO_FREE char *dir = temp_dir_join(t, STATE);
	struct store_db *db = NULL;
	int rc = store_db_open(&db, dir, mode, err);

	assert_null(db);
	return rc;
}

/* All rows of a query, "a|b\n" each, as the sqlite3 command prints them. */
static char *query(const struct temp_dir *t, const char *sql)
{
	AUTO_FREE char *file = temp_dir_join(t, STATE "/db/db.sqlite");
	AUTO_BUF struct buf out = { 0 };
	sqlite3_stmt *s = NULL;
	sqlite3 *db = NULL;

	buf_init(&out, 1 << 20);
	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	while (sqlite3_step(s) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(s); i++) {
			const char *text = (const char *)sqlite3_column_text(s, i);

			buf_addf(&out, "%s%s", i ? "|" : "", text ? text : "NULL");
		}
		buf_add_char(&out, '\n');
	}
	sqlite3_finalize(s);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	buf_add_str(&out, "");
	return out.len ? buf_take(&out) : mem_strdup("");
}

static void assert_rows(const struct temp_dir *t, const char *sql, const char *rows)
{
	AUTO_FREE char *have = query(t, sql);

	assert_string_equal(have, rows);
}

/* The tree of the NAR tests, with what each test adds. */
static void make_info(struct nf_pathinfo *info, const char *base)
{
	nf_pathinfo_init(info);
	assert_int_equal(nf_storepath_parse_base(&info->path, nf_slice_str(base), NULL),
			 0);
	assert_int_equal(nf_hash_parse(&info->nar_hash, NF_SLICE_LIT(TREE_HEX), NULL), 0);
	info->nar_size = 1072;
}

static void add_ref(struct nf_pathinfo *info, const char *base)
{
	assert_int_equal(nf_pathinfo_add_ref(info, nf_slice_str(base), NULL), 0);
}

static int register_one(struct store_db *db, const struct nf_pathinfo *info,
			struct nf_err *err)
{
	return store_db_register(db, -1, &info, 1, 1700000000, err);
}

static void a_new_database_has_the_tables_that_nix_makes(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_FREE char *ours = NULL;
	AUTO_FREE char *nixs = NULL;
	AUTO_FREE char *schema = NULL;
	int status;

	store_db_free(open_db(t, STORE_DB_WRITE));
	schema = temp_dir_read(t, STATE "/db/schema");
	assert_string_equal(schema, "10");
	assert_int_equal(temp_dir_stat(t, STATE "/db/schema").st_mode & 07777, 0644);
	assert_int_equal(temp_dir_stat(t, STATE "/db/big-lock").st_mode & 07777, 0600);
	assert_rows(t, "pragma journal_mode", "wal\n");
	if (!temp_dir_have_command("nix-store") || !temp_dir_have_command("sqlite3"))
		skip_because("no Nix or no sqlite3 here");
	free(temp_dir_run(&status, "nix-store --store '%s/peer' --gc", t->path));
	assert_int_equal(status, 0);
	ours = temp_dir_run(&status, "sqlite3 '%s/" STATE "/db/db.sqlite' .schema",
			    t->path);
	nixs = temp_dir_run(&status, "sqlite3 '%s/peer/" STATE "/db/db.sqlite' .schema",
			    t->path);
	assert_string_equal(ours, nixs);
}

static void rows_are_what_nix_writes(void **state)
{
	const struct temp_dir *t = *state;
	AUTO(nf_pathinfo_release) struct nf_pathinfo a = { 0 };
	AUTO(nf_pathinfo_release) struct nf_pathinfo b = { 0 };
	const struct nf_pathinfo *both[] = { &a, &b };
	struct store_db *db = open_db(t, STORE_DB_WRITE);

	make_info(&a, HASH_A "-tree");
	nf_pathinfo_set_ca(&a, NF_SLICE_LIT(TREE_CA));
	add_ref(&a, HASH_A "-tree");
	add_ref(&a, HASH_B "-f");
	make_info(&b, HASH_B "-f");
	nf_pathinfo_add_sig(&b, NF_SLICE_LIT("z-1:" FAKE_SIG("A")));
	nf_pathinfo_add_sig(&b, NF_SLICE_LIT("a-1:" FAKE_SIG("B")));
	nf_pathinfo_set_deriver(&b, NF_SLICE_LIT(HASH_C "-f.drv"));
	/* The one that refers comes first. */
	assert_int_equal(store_db_register(db, -1, both, 2, 1700000000, NULL), 0);
	store_db_free(db);

	assert_rows(
		t, "select * from ValidPaths order by id",
		"1|/nix/store/" HASH_A "-tree|" TREE_HEX
		"|1700000000|NULL|1072|NULL|NULL|" TREE_CA "\n"
		"2|/nix/store/" HASH_B "-f|" TREE_HEX "|1700000000|/nix/store/" HASH_C
		"-f.drv|1072|NULL|a-1:" FAKE_SIG("B") " z-1:" FAKE_SIG("A") "|NULL\n");
	assert_rows(t, "select * from Refs order by 1, 2", "1|1\n1|2\n");
}

static void registered_path_is_found(void **state)
{
	const struct temp_dir *t = *state;
	AUTO(nf_pathinfo_release) struct nf_pathinfo a = { 0 };
	AUTO(nf_pathinfo_release) struct nf_pathinfo have = { 0 };
	AUTO(nf_pathinfo_release) struct nf_pathinfo none = { 0 };
	struct store_db *db = open_db(t, STORE_DB_WRITE);
	struct nf_storepath other;
	struct nf_err err;
	bool valid;

	make_info(&a, HASH_A "-tree");
	nf_pathinfo_set_ca(&a, NF_SLICE_LIT(TREE_CA));
	nf_pathinfo_add_sig(&a, NF_SLICE_LIT("a-1:" FAKE_SIG("B")));
	nf_pathinfo_add_sig(&a, NF_SLICE_LIT("b-1:" FAKE_SIG("C")));
	nf_pathinfo_set_deriver(&a, NF_SLICE_LIT(HASH_C "-t.drv"));
	add_ref(&a, HASH_A "-tree");
	assert_int_equal(register_one(db, &a, NULL), 0);

	assert_int_equal(store_db_query(db, &a.path, true, &have, NULL), 0);
	assert_true(nf_hash_eq(&have.nar_hash, &a.nar_hash));
	assert_int_equal(have.nar_size, 1072);
	assert_int_equal(have.nrefs, 1);
	assert_true(nf_slice_is(have.refs[0], HASH_A "-tree"));
	assert_int_equal(have.nsigs, 2);
	assert_true(nf_slice_is(have.sigs[1], "b-1:" FAKE_SIG("C")));
	assert_true(nf_slice_is(have.deriver, HASH_C "-t.drv"));
	assert_true(nf_slice_is(have.ca, TREE_CA));

	assert_int_equal(nf_storepath_parse_base(&other, NF_SLICE_LIT(HASH_B "-f"), NULL),
			 0);
	assert_int_equal(store_db_is_valid(db, &a.path, &valid, NULL), 0);
	assert_true(valid);
	assert_int_equal(store_db_is_valid(db, &other, &valid, NULL), 0);
	assert_false(valid);
	assert_int_equal(store_db_query(db, &other, true, &none, &err), -NF_E_MISSING);
	assert_non_null(strstr(err.text, "'/nix/store/" HASH_B "-f' is not valid in '"));
	store_db_free(db);
}

static void a_reference_that_is_not_valid_undoes_the_whole_set(void **state)
{
	const struct temp_dir *t = *state;
	AUTO(nf_pathinfo_release) struct nf_pathinfo a = { 0 };
	AUTO(nf_pathinfo_release) struct nf_pathinfo b = { 0 };
	const struct nf_pathinfo *both[] = { &a, &b };
	struct store_db *db = open_db(t, STORE_DB_WRITE);
	struct nf_err err;

	make_info(&a, HASH_A "-tree");
	make_info(&b, HASH_B "-f");
	add_ref(&b, HASH_C "-x");
	assert_int_equal(store_db_register(db, -1, both, 2, 1, &err), -NF_E_MISSING);
	assert_non_null(strstr(err.text,
			       "'/nix/store/" HASH_B "-f' refers to '/nix/store/" HASH_C
			       "-x', which is not valid in '"));
	/* The handle remains usable. */
	assert_int_equal(register_one(db, &a, NULL), 0);
	store_db_free(db);
	assert_rows(t, "select path from ValidPaths", "/nix/store/" HASH_A "-tree\n");
	assert_rows(t, "select * from Refs", "");
}

static void valid_path_only_gains_signatures(void **state)
{
	const struct temp_dir *t = *state;
	AUTO(nf_pathinfo_release) struct nf_pathinfo a = { 0 };
	struct store_db *db = open_db(t, STORE_DB_WRITE);

	make_info(&a, HASH_A "-tree");
	nf_pathinfo_add_sig(&a, NF_SLICE_LIT("b-1:" FAKE_SIG("B")));
	assert_int_equal(register_one(db, &a, NULL), 0);
	nf_pathinfo_add_sig(&a, NF_SLICE_LIT("a-1:" FAKE_SIG("A")));
	nf_pathinfo_set_ca(&a, NF_SLICE_LIT(TREE_CA));
	assert_int_equal(store_db_register(db, -1, &(const struct nf_pathinfo *){ &a }, 1,
					   1800000000, NULL),
			 0);
	store_db_free(db);
	assert_rows(t, "select id, registrationTime, sigs, ca from ValidPaths",
		    "1|1700000000|a-1:" FAKE_SIG("A") " b-1:" FAKE_SIG("B") "|NULL\n");
}

static void valid_path_keeps_its_hash(void **state)
{
	const struct temp_dir *t = *state;
	AUTO(nf_pathinfo_release) struct nf_pathinfo a = { 0 };
	AUTO(nf_pathinfo_release) struct nf_pathinfo b = { 0 };
	const struct nf_pathinfo *both[] = { &b, &a };
	AUTO_FREE char *text = mem_printf(
		"'/nix/store/" HASH_A
		"-tree' is valid in '%s/nix/var/nix/db/db.sqlite' with another hash",
		t->path);
	struct store_db *db = open_db(t, STORE_DB_WRITE);
	struct nf_err err;

	make_info(&a, HASH_A "-tree");
	make_info(&b, HASH_B "-b");
	assert_int_equal(register_one(db, &a, NULL), 0);
	nf_pathinfo_add_sig(&a, NF_SLICE_LIT("a-1:" FAKE_SIG("A")));
	a.nar_hash.bytes[0] ^= 1;
	expect_error(err, store_db_register(db, -1, both, 2, 1, &err), NF_E_SYS, text);
	store_db_free(db);
	assert_rows(t, "select path, sigs from ValidPaths",
		    "/nix/store/" HASH_A "-tree|NULL\n");
}

static void only_missing_signatures_are_added(void **state)
{
	const struct temp_dir *t = *state;
	AUTO(nf_pathinfo_release) struct nf_pathinfo a = { 0 };
	AUTO(nf_pathinfo_release) struct nf_pathinfo b = { 0 };
	AUTO(nf_pathinfo_release) struct nf_pathinfo c = { 0 };
	const struct nf_pathinfo *all[] = { &a, &b, &c };
	struct store_db *db = open_db(t, STORE_DB_WRITE);
	size_t added = 99;

	make_info(&a, HASH_A "-tree");
	make_info(&b, HASH_B "-f");
	make_info(&c, HASH_C "-never-registered");
	nf_pathinfo_add_sig(&a, NF_SLICE_LIT("a-1:" FAKE_SIG("A")));
	assert_int_equal(store_db_register(db, -1, all, 2, 1, NULL), 0);
	assert_int_equal(store_db_add_sigs(db, all, 3, &added, NULL), 0);
	assert_int_equal(added, 0);
	nf_pathinfo_add_sig(&a, NF_SLICE_LIT("b-1:" FAKE_SIG("B")));
	/* What was signed here is not what is valid there. */
	nf_pathinfo_add_sig(&b, NF_SLICE_LIT("b-1:" FAKE_SIG("C")));
	b.nar_hash.bytes[0] ^= 1;
	assert_int_equal(store_db_add_sigs(db, all, 3, &added, NULL), 0);
	assert_int_equal(added, 1);
	store_db_free(db);
	assert_rows(t, "select sigs from ValidPaths",
		    "a-1:" FAKE_SIG("A") " b-1:" FAKE_SIG("B") "\nNULL\n");
}

static void row_that_nix_cannot_read_is_tolerated(void **state)
{
	static const char *const changes[] = {
		"sigs = 'x:%%% y a-1:" FAKE_SIG("A") "'",
		"deriver = 'unknown-deriver'",
		"deriver = '/nix/store/x.drv'",
		"deriver = '/nix/store/" HASH_C "-no-derivation'",
		"registrationTime = -5",
	};
	const struct temp_dir *t = *state;
	AUTO(nf_pathinfo_release) struct nf_pathinfo a = { 0 };
	struct store_db *db = open_db(t, STORE_DB_WRITE);

	make_info(&a, HASH_A "-tree");
	nf_pathinfo_add_sig(&a, NF_SLICE_LIT("a-1:" FAKE_SIG("A")));
	assert_int_equal(register_one(db, &a, NULL), 0);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		AUTO(nf_pathinfo_release) struct nf_pathinfo have = { 0 };
		AUTO_FREE char *sql = mem_printf("update ValidPaths set %s", changes[i]);

		free(query(t, sql));
		assert_int_equal(store_db_query(db, &a.path, true, &have, NULL), 0);
		assert_int_equal(have.nsigs, 1);
		assert_int_equal(have.deriver.len, 0);
		assert_int_equal(have.left_out, i == 0 ? 2 : 3);
	}
	free(query(t, "update ValidPaths set hash = 'sha256:zz'"));
	{
		AUTO(nf_pathinfo_release) struct nf_pathinfo have = { 0 };

		assert_int_equal(store_db_query(db, &a.path, true, &have, NULL),
				 -NF_E_UNSUPPORTED);
	}
	assert_int_equal(register_one(db, &a, NULL), 0);
	store_db_free(db);
}

static void other_schemas_are_refused_by_number(void **state)
{
	static const struct {
		const char *text;
		int rc;
		const char *want;
	} rows[] = {
		{ "9", -NF_E_UNSUPPORTED, "has database schema 9, only 10 is supported" },
		{ "11\n", -NF_E_UNSUPPORTED,
		  "has database schema 11, only 10 is supported" },
		{ "ten", -NF_E_FORMAT, "does not hold a schema number" },
		{ "-10", -NF_E_FORMAT, "does not hold a schema number" },
		{ "10 10", -NF_E_FORMAT, "does not hold a schema number" },
	};
	const struct temp_dir *t = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct nf_err err;

		temp_dir_write(t, STATE "/db/schema", rows[i].text);
		assert_int_equal(open_error(t, STORE_DB_WRITE, &err), rows[i].rc);
		assert_non_null(strstr(err.text, rows[i].want));
		assert_non_null(strstr(err.text, t->path));
		assert_int_equal(open_error(t, STORE_DB_READ, &err), rows[i].rc);
		assert_false(temp_dir_has(t, STATE "/db/db.sqlite"));
	}
}

static void an_empty_schema_is_a_new_store(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_FREE char *schema = NULL;

	temp_dir_write(t, STATE "/db/schema", "");
	store_db_free(open_db(t, STORE_DB_WRITE));
	schema = temp_dir_read(t, STATE "/db/schema");
	assert_string_equal(schema, "10");
}

static void store_with_a_missing_database_is_refused(void **state)
{
	const struct temp_dir *t = *state;
	struct nf_err err;

	temp_dir_write(t, STATE "/db/schema", "10");
	assert_int_equal(open_error(t, STORE_DB_WRITE, &err), -NF_E_SYS);
	assert_non_null(strstr(err.text, "db.sqlite': unable to open database file"));
	assert_false(temp_dir_has(t, STATE "/db/db.sqlite"));
}

static void file_that_is_not_a_database_is_corrupt(void **state)
{
	const struct temp_dir *t = *state;
	struct nf_err err;

	temp_dir_write(t, STATE "/db/schema", "10");
	temp_dir_write(
		t, STATE "/db/db.sqlite",
		"this is no database, whatever its name says, and it is longer than "
		"the header of one, which has a hundred bytes");
	assert_int_equal(open_error(t, STORE_DB_WRITE, &err), -NF_E_FORMAT);
	assert_non_null(strstr(err.text, "file is not a database"));
	assert_int_equal(open_error(t, STORE_DB_READ, &err), -NF_E_FORMAT);
}

static void reading_needs_a_database(void **state)
{
	const struct temp_dir *t = *state;
	struct nf_err err;

	assert_int_equal(open_error(t, STORE_DB_READ, &err), -NF_E_MISSING);
	assert_non_null(strstr(err.text, "has no store database"));
	assert_false(temp_dir_has(t, STATE "/db/big-lock"));
}

static void a_reader_sees_what_a_writer_commits(void **state)
{
	const struct temp_dir *t = *state;
	AUTO(nf_pathinfo_release) struct nf_pathinfo a = { 0 };
	struct store_db *writer = open_db(t, STORE_DB_WRITE);
	AUTO(nf_pathinfo_release) struct nf_pathinfo b = { 0 };
	struct store_db *reader = open_db(t, STORE_DB_READ);
	struct nf_err err;
	bool valid;

	make_info(&a, HASH_A "-tree");
	assert_int_equal(store_db_is_valid(reader, &a.path, &valid, NULL), 0);
	assert_false(valid);
	assert_int_equal(register_one(writer, &a, NULL), 0);
	assert_int_equal(store_db_is_valid(reader, &a.path, &valid, NULL), 0);
	assert_true(valid);
	make_info(&b, HASH_B "-f");
	assert_int_equal(register_one(reader, &b, &err), -NF_E_SYS);
	assert_non_null(strstr(err.text, "attempt to write a readonly database"));
	store_db_free(reader);
	store_db_free(writer);
}

static size_t count_files(const struct temp_dir *t)
{
	AUTO_FREE char *out =
		temp_dir_run(NULL, "ls -A '%s/" STATE "/db' | wc -l", t->path);

	return strtoul(out, NULL, 10);
}

static void reading_a_database_at_rest_leaves_no_files(void **state)
{
	const struct temp_dir *t = *state;
	AUTO(nf_pathinfo_release) struct nf_pathinfo a = { 0 };
	struct store_db *db = open_db(t, STORE_DB_WRITE);
	bool valid = false;
	size_t before;

	make_info(&a, HASH_A "-tree");
	assert_int_equal(register_one(db, &a, NULL), 0);
	store_db_free(db);
	before = count_files(t);
	db = open_db(t, STORE_DB_READ);
	assert_int_equal(store_db_is_valid(db, &a.path, &valid, NULL), 0);
	assert_true(valid);
	assert_int_equal(count_files(t), before);
	store_db_free(db);
	assert_int_equal(count_files(t), before);
}

static void a_reader_sees_a_database_wake(void **state)
{
	static const char *const names[] = { HASH_A "-tree", HASH_B "-f" };
	const struct temp_dir *t = *state;
	struct store_db *reader, *writer;
	bool valid;

	store_db_free(open_db(t, STORE_DB_WRITE));
	reader = open_db(t, STORE_DB_READ);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		AUTO(nf_pathinfo_release) struct nf_pathinfo a = { 0 }, found = { 0 };

		make_info(&a, names[i]);
		assert_int_equal(store_db_query(reader, &a.path, true, &found, NULL),
				 -NF_E_MISSING);
		nf_pathinfo_release(&found);
		writer = open_db(t, STORE_DB_WRITE);
		assert_int_equal(register_one(writer, &a, NULL), 0);
		/* The first writer is gone before the reader looks, the other is not. */
		if (i == 0)
			store_db_free(TAKE_PTR(writer));
		assert_int_equal(store_db_is_valid(reader, &a.path, &valid, NULL), 0);
		assert_true(valid);
		assert_int_equal(store_db_query(reader, &a.path, true, &found, NULL), 0);
		store_db_free(writer);
	}
	store_db_free(reader);
}

static void database_opens_read_only_without_write_access(void **state)
{
	const struct temp_dir *t = *state;
	AUTO(nf_pathinfo_release) struct nf_pathinfo a = { 0 };
	struct store_db *db = open_db(t, STORE_DB_WRITE);
	struct nf_err err;
	bool valid = false;

	if (geteuid() != 0) {
		store_db_free(db);
		skip_because("needs root");
	}
	make_info(&a, HASH_A "-tree");
	assert_int_equal(register_one(db, &a, NULL), 0);
	store_db_free(db);
	assert_int_equal(chmod(t->path, 0755), 0);
	assert_int_equal(seteuid(65534), 0);
	db = open_db(t, STORE_DB_READ);
	assert_int_equal(store_db_is_valid(db, &a.path, &valid, NULL), 0);
	assert_true(valid);
	store_db_free(db);
	assert_int_equal(open_error(t, STORE_DB_WRITE, &err), -NF_E_SYS);
	assert_int_equal(seteuid(0), 0);

	/* A log without its index: what it holds would be missed. */
	temp_dir_write(t, STATE "/db/db.sqlite-wal", "some log");
	assert_int_equal(seteuid(65534), 0);
	assert_int_equal(open_error(t, STORE_DB_READ, &err), -NF_E_SYS);
	assert_int_equal(seteuid(0), 0);
	assert_non_null(strstr(
		err.text,
		"has a log that cannot be read without write permission to its directory"));
}

static void a_store_that_is_being_changed_is_refused(void **state)
{
	const struct temp_dir *t = *state;
	struct nf_err err;
	int fd = openat(t->fd, STATE "/db/big-lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(open_error(t, STORE_DB_WRITE, &err), -NF_E_SYS);
	assert_non_null(
		strstr(err.text, "another process is changing the store's schema"));
	assert_int_equal(close(fd), 0);
	store_db_free(open_db(t, STORE_DB_WRITE));
}

static void special_characters_in_the_path_are_escaped(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_FREE char *dir = temp_dir_join(t, "a?b=c#d%41 e");
	struct store_db *db;

	temp_dir_mkdir(t, "a?b=c#d%41 e/db");
	assert_int_equal(store_db_open(&db, dir, STORE_DB_WRITE, NULL), 0);
	store_db_free(db);
	assert_true(temp_dir_has(t, "a?b=c#d%41 e/db/db.sqlite"));
}

static void nix_reads_what_we_register(void **state)
{
	const struct temp_dir *t = *state;
	AUTO(nf_pathinfo_release) struct nf_pathinfo a = { 0 };
	AUTO(nf_pathinfo_release) struct nf_pathinfo b = { 0 };
	const struct nf_pathinfo *both[] = { &a, &b };
	AUTO_FREE char *out = NULL;
	struct store_db *db;
	int status;

	if (!temp_dir_have_command("nix-store"))
		skip_because("no Nix here");
	db = open_db(t, STORE_DB_WRITE);
	make_info(&a, HASH_A "-tree");
	make_info(&b, HASH_B "-f");
	add_ref(&b, HASH_A "-tree");
	assert_int_equal(store_db_register(db, -1, both, 2, 1700000000, NULL), 0);
	store_db_free(db);
	out = temp_dir_run(
		&status, "nix-store --store '%s' -q --references /nix/store/" HASH_B "-f",
		t->path);
	assert_int_equal(status, 0);
	assert_non_null(strstr(out, "/nix/store/" HASH_A "-tree\n"));
}

/* ---- derivations ---- */

#define DRV	 HASH_A "-x.drv"
#define OUT(id)	 "(\"" #id "\",\"/nix/store/" HASH_B "-x-" #id "\",\"\",\"\")"
#define FLOATING "(\"float\",\"\",\"r:sha256\",\"\")"

static int register_drv(const struct temp_dir *t, struct nf_err *err)
{
	AUTO(nf_pathinfo_release) struct nf_pathinfo a = { 0 };
	const struct nf_pathinfo *one = &a;
	struct store_db *db = open_db(t, STORE_DB_WRITE);
	int rc;

	make_info(&a, DRV);
	rc = store_db_register(db, t->fd, &one, 1, 1700000000, err);
	store_db_free(db);
	return rc;
}

static void a_derivation_brings_the_outputs_that_it_knows(void **state)
{
	const struct temp_dir *t = *state;

	temp_dir_write(t, DRV,
		       "Derive([" OUT(dev) "," FLOATING
					   "," OUT(out) "],[],[],\"\",\"\",[],[])");
	assert_int_equal(register_drv(t, NULL), 0);
	assert_rows(t, "select * from DerivationOutputs order by id",
		    "1|dev|/nix/store/" HASH_B "-x-dev\n1|out|/nix/store/" HASH_B
		    "-x-out\n");
	/* What is valid is not read again. */
	assert_int_equal(unlinkat(t->fd, DRV, 0), 0);
	assert_int_equal(register_drv(t, NULL), 0);
}

static void invalid_derivation_is_not_registered(void **state)
{
	const struct temp_dir *t = *state;
	struct nf_err err;

	assert_int_equal(register_drv(t, &err), -NF_E_MISSING);
	assert_string_equal(err.text, "'/nix/store/" DRV "': it does not exist");
	temp_dir_write(t, DRV, "Derive(\n");
	assert_int_equal(register_drv(t, &err), -NF_E_FORMAT);
	assert_string_equal(err.text, "'/nix/store/" DRV "': byte 7: no '['");
	assert_int_equal(unlinkat(t->fd, DRV, 0), 0);
	assert_int_equal(symlinkat("/dev/null", t->fd, DRV), 0);
	assert_int_equal(register_drv(t, &err), -NF_E_FORMAT);
	assert_string_equal(err.text, "'/nix/store/" DRV
				      "': a derivation that is not a regular file");
	assert_int_equal(unlinkat(t->fd, DRV, 0), 0);
	temp_dir_mkdir(t, DRV);
	assert_int_equal(register_drv(t, &err), -NF_E_FORMAT);
	assert_string_equal(err.text, "'/nix/store/" DRV
				      "': a derivation that is not a regular file");
	assert_rows(t, "select * from ValidPaths", "");
}

#define EXPRESSION                                                                       \
	"let base = { system = \"x\"; builder = \"/bin/sh\"; };"                         \
	" fixed = derivation (base // { name = \"fixed\"; outputHashAlgo = \"sha1\"; "   \
	"outputHash = \"da39a3ee5e6b4b0d3255bfef95601890afd80709\"; });"                 \
	" in derivation (base // { name = \"multi\"; inherit fixed; "                    \
	"outputs = [ \"out\" \"dev\" ]; })"

#define SAME_IN_BOTH                                                                     \
	"select v.path, o.id, o.path from DerivationOutputs o "                          \
	"join ValidPaths v on o.drv = v.id order by 1, 2"

/* Registers in our store everything that is valid in Nix's, using its files. */
static void register_all_of(const struct temp_dir *t, const struct temp_dir *peer)
{
	AUTO_FREE char *paths = query(peer, "select path from ValidPaths");
	struct store_db *from = open_db(peer, STORE_DB_READ);
	struct store_db *to = open_db(t, STORE_DB_WRITE);
	int store_fd = openat(peer->fd, "nix/store", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct nf_pathinfo infos[2];
	const struct nf_pathinfo *list[] = { &infos[0], &infos[1] };
	struct nf_slice rest = nf_slice_str(paths);
	struct nf_storepath path;
	size_t count = 0;

	while (rest.len) {
		assert_true(count < 2);
		assert_int_equal(nf_storepath_parse(&path, slice_cut(&rest, '\n'), NULL),
				 0);
		assert_int_equal(store_db_query(from, &path, true, &infos[count++], NULL),
				 0);
	}
	assert_int_equal(store_db_register(to, store_fd, list, count, 1, NULL), 0);
	while (count)
		nf_pathinfo_release(&infos[--count]);
	close(store_fd);
	store_db_free(from);
	store_db_free(to);
}

static void nix_registers_the_same_outputs(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_FREE char *root = temp_dir_join(t, "peer");
	struct temp_dir peer = { root, -1 };
	AUTO_FREE char *nixs = NULL;
	int status;

	if (!temp_dir_have_command("nix-instantiate"))
		skip_because("no Nix here");
	temp_dir_write(t, "e.nix", EXPRESSION);
	free(temp_dir_run(&status, "nix-instantiate --store '%s' '%s/e.nix'", root,
			  t->path));
	assert_int_equal(status, 0);
	peer.fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	register_all_of(t, &peer);
	nixs = query(&peer, SAME_IN_BOTH);
	assert_non_null(strstr(nixs, "-multi.drv|dev|/nix/store/"));
	assert_non_null(strstr(nixs, "-fixed.drv|out|/nix/store/"));
	assert_rows(t, SAME_IN_BOTH, nixs);
	close(peer.fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, temp_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_database_has_the_tables_that_nix_makes),
		TEST(rows_are_what_nix_writes),
		TEST(registered_path_is_found),
		TEST(a_reference_that_is_not_valid_undoes_the_whole_set),
		TEST(valid_path_keeps_its_hash),
		TEST(valid_path_only_gains_signatures),
		TEST(only_missing_signatures_are_added),
		TEST(a_derivation_brings_the_outputs_that_it_knows),
		TEST(invalid_derivation_is_not_registered),
		TEST(nix_registers_the_same_outputs),
		TEST(row_that_nix_cannot_read_is_tolerated),
		TEST(other_schemas_are_refused_by_number),
		TEST(an_empty_schema_is_a_new_store),
		TEST(store_with_a_missing_database_is_refused),
		TEST(file_that_is_not_a_database_is_corrupt),
		TEST(reading_needs_a_database),
		TEST(a_reader_sees_what_a_writer_commits),
		TEST(reading_a_database_at_rest_leaves_no_files),
		TEST(a_reader_sees_a_database_wake),
		TEST(database_opens_read_only_without_write_access),
		TEST(a_store_that_is_being_changed_is_refused),
		TEST(special_characters_in_the_path_are_escaped),
		TEST(nix_reads_what_we_register),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
