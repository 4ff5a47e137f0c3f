#include "store/store_check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "expect.h"
#include "store/canonical.h"
#include "store/store_db_list.h"
#include "store/unpack_dir.h"
#include "store_fixture.h"

#define A STORE_FIXTURE_A
#define B STORE_FIXTURE_B

static int setup(void **state)
{
	const char *file = "nix/store/" A;
	const struct temp_dir *t;

	temp_dir_setup(state);
	t = *state;
	store_fixture_make(t);
	assert_int_equal(fchmodat(t->fd, file, 0444, 0), 0);
	assert_int_equal(utimensat(t->fd, file, canonical_times, 0), 0);
	return 0;
}

static void check(const struct temp_dir *t, struct store_check_result *ret)
{
	const struct store_check_options opts = { .jobs = 2 };
	struct nf_err err;

	if (store_check(ret, t->path, &opts, &err))
		fail_msg("%s", err.text);
}

static void each_finding_has_its_path_and_cause(void **state)
{
	AUTO(store_check_release) struct store_check_result r = { 0 };
	struct temp_dir *t = *state;

	temp_dir_write(t, "nix/store/00000000000000000000000000000000-unknown", "x");
	temp_dir_write(t, "nix/store/" UNPACK_DIR_FIRST, "x");
	check(t, &r);
	assert_int_equal(r.paths, 2);
	assert_int_equal(r.bytes, 2 * STORE_FIXTURE_NAR_SIZE);
	assert_int_equal(r.count, 1);
	assert_int_equal(r.counts[STORE_FAULT_MISSING], 1);
	assert_string_equal(r.findings[0].path, "/nix/store/" B);
	assert_string_equal(r.findings[0].cause, "it is not on the disk");
	assert_int_equal(r.unknown_count, 1);
	assert_string_equal(r.unknown[0], "00000000000000000000000000000000-unknown");
}

static void only_the_named_paths_are_looked_at(void **state)
{
	AUTO(store_check_release) struct store_check_result r = { 0 };
	struct temp_dir *t = *state;
	struct nf_storepath path;
	const struct store_check_options opts = { .paths = &path, .count = 1 };

	temp_dir_write(t, "nix/store/00000000000000000000000000000000-unknown", "x");
	store_fixture_path(&path, A);
	assert_int_equal(store_check(&r, t->path, &opts, NULL), 0);
	assert_int_equal(r.paths, 1);
	assert_int_equal(r.count, 0);
	assert_int_equal(r.unknown_count, 0);
}

/* A collector removes the row, then the files; what is fetched again has a new row. */
static void a_row_that_was_made_again_is_another(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_FREE char *dir = temp_dir_join(t, "nix/var/nix");
	AUTO(store_db_freep) struct store_db *db = NULL;
	bool there = false;

	assert_int_equal(store_db_open(&db, dir, STORE_DB_READ, NULL), 0);
	assert_int_equal(store_db_has_row(db, "/nix/store/" B, 2, &there, NULL), 0);
	assert_true(there);
	store_fixture_sql(t, "delete from ValidPaths where id = 2");
	assert_int_equal(store_db_has_row(db, "/nix/store/" B, 2, &there, NULL), 0);
	assert_false(there);
	store_fixture_sql(
		t,
		"insert into ValidPaths (path, hash, registrationTime) values ('/nix/store/" B
		"', 'sha256:x', 1)");
	assert_int_equal(store_db_has_row(db, "/nix/store/" B, 2, &there, NULL), 0);
	assert_false(there);
	assert_int_equal(store_db_has_row(db, "/nix/store/" B, 3, &there, NULL), 0);
	assert_true(there);
}

#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, temp_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(each_finding_has_its_path_and_cause),
		STORE_TEST(only_the_named_paths_are_looked_at),
		STORE_TEST(a_row_that_was_made_again_is_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
