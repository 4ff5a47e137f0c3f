#include "store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "store/store_db.h"

void store_fixture_path(struct nf_storepath *ret, const char *base)
{
	assert_int_equal(nf_storepath_parse_base(ret, nf_slice_str(base), NULL), 0);
}

static void make_info(struct nf_pathinfo *info, const char *base)
{
	nf_pathinfo_init(info);
	store_fixture_path(&info->path, base);
	assert_int_equal(nf_hash_parse(&info->nar_hash,
				       NF_SLICE_LIT(STORE_FIXTURE_NAR_HASH), NULL),
			 0);
	info->nar_size = STORE_FIXTURE_NAR_SIZE;
	nf_pathinfo_add_sig(info, NF_SLICE_LIT(STORE_FIXTURE_SIG));
}

void store_fixture_make(const struct temp_dir *t)
{
	AUTO_FREE char *state = temp_dir_join(t, "nix/var/nix");
	AUTO(store_db_freep) struct store_db *db = NULL;
	struct nf_pathinfo a, b;
	const struct nf_pathinfo *both[] = { &a, &b };
	struct nf_err err = { 0 };

	temp_dir_mkdir(t, "nix/var/nix/db");
	temp_dir_mkdir(t, "nix/store");
	temp_dir_write(t, "nix/store/" STORE_FIXTURE_A, "hello\n");
	make_info(&a, STORE_FIXTURE_A);
	make_info(&b, STORE_FIXTURE_B);
	assert_int_equal(nf_pathinfo_add_ref(&b, NF_SLICE_LIT(STORE_FIXTURE_A), NULL), 0);
	if (store_db_open(&db, state, STORE_DB_WRITE, &err) ||
	    store_db_register(db, -1, both, 2, 1700000000, &err))
		fail_msg("%s", err.text);
	nf_pathinfo_release(&a);
	nf_pathinfo_release(&b);
}

void store_fixture_sql(const struct temp_dir *t, const char *sql)
{
	AUTO_FREE char *file = temp_dir_join(t, "nix/var/nix/db/db.sqlite");
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}
