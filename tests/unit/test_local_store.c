#include "store/local_store.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "expect.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/stream.h"
#include "format/nar_checked.h"
#include "skip.h"
#include "store_fixture.h"

#define A     STORE_FIXTURE_A
#define B     STORE_FIXTURE_B
#define OTHER "00000000000000000000000000000000-x"
#define DRV   "00000000000000000000000000000000-x.drv"

static int setup(void **state)
{
	temp_dir_setup(state);
	store_fixture_make(*state);
	return 0;
}

static struct local_store *open_store(const struct temp_dir *t)
{
	struct local_store *s = NULL;
	struct nf_err err;

	if (local_store_open(&s, t->path, &err))
		fail_msg("%s", err.text);
	return s;
}

/* Opening ROOT fails, with TEXT in which the one "%s" is the test's directory. */
static void opening_fails(const struct temp_dir *t, const char *root, enum nf_error code,
			  const char *text)
{
	const char *mark = strstr(text, "%s");
	AUTO_FREE char *want =
		mem_printf("%.*s%s%s", (int)(mark - text), text, t->path, mark + 2);
	struct local_store *s = NULL;
	struct nf_err err;

	expect_error(err, local_store_open(&s, root, &err), code, want);
	assert_null(s);
}

/* ---- opening ---- */

static void a_root_may_end_in_slashes(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_FREE char *root = mem_printf("%s//", t->path);
	AUTO(local_store_freep) struct local_store *s = NULL;

	assert_int_equal(local_store_open(&s, root, NULL), 0);
	assert_string_equal(local_store_root(s), t->path);
}

static void missing_store_is_reported(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_FREE char *none = temp_dir_join(t, "none");
	AUTO_FREE char *file = temp_dir_join(t, "nix/store/" A);
	AUTO_FREE char *odd = temp_dir_join(t, "odd");

	temp_dir_mkdir(t, "odd/nix");
	temp_dir_write(t, "odd/nix/store", "no directory");
	opening_fails(t, none, NF_E_MISSING, "there is no store in '%s/none'");
	opening_fails(t, file, NF_E_MISSING, "there is no store in '%s/nix/store/" A "'");
	opening_fails(t, odd, NF_E_MISSING, "there is no store in '%s/odd'");
}

static void store_without_a_database_is_reported(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_FREE char *db = temp_dir_join(t, "nix/var/nix/db/db.sqlite");

	assert_int_equal(unlink(db), 0);
	opening_fails(t, t->path, NF_E_MISSING, "'%s/nix/var/nix' has no store database");
}

static void a_newer_schema_is_refused_by_number(void **state)
{
	const struct temp_dir *t = *state;

	temp_dir_write(t, "nix/var/nix/db/schema", "11");
	opening_fails(t, t->path, NF_E_UNSUPPORTED,
		      "'%s/nix/var/nix' has database schema 11, only 10 is supported");
}

static void file_that_is_not_a_database_is_named(void **state)
{
	const struct temp_dir *t = *state;

	temp_dir_write(
		t, "nix/var/nix/db/db.sqlite",
		"This is certainly not a database, and it is long enough that nobody takes it for an empty one.");
	opening_fails(t, t->path, NF_E_FORMAT,
		      "database '%s/nix/var/nix/db/db.sqlite': file is not a database");
}

static void unreadable_store_is_reported(void **state)
{
	const struct temp_dir *t = *state;

	if (geteuid() == 0)
		skip_because("root may read everything");
	assert_int_equal(fchmodat(t->fd, "nix", 0, 0), 0);
	opening_fails(t, t->path, NF_E_SYS,
		      "cannot open '%s/nix/store': Permission denied");
	assert_int_equal(fchmodat(t->fd, "nix", 0755, 0), 0);
}

/* ---- facts ---- */

static void valid_path_has_its_metadata(void **state)
{
	const struct temp_dir *t = *state;
	AUTO(local_store_freep) struct local_store *s = open_store(t);
	char hash[NF_HASH_TEXT_MAX];
	struct nf_storepath path;
	struct nf_pathinfo info;
	bool valid = false;

	store_fixture_path(&path, B);
	temp_dir_write(t, "nix/store/" B, "hello\n");
	assert_int_equal(local_store_is_valid(s, &path, &valid, NULL), 0);
	assert_true(valid);
	assert_int_equal(local_store_find(s, &path, &info, NULL), 0);
	assert_string_equal(info.path.base, B);
	assert_string_equal(nf_hash_format(hash, &info.nar_hash, NF_NIX32),
			    STORE_FIXTURE_NAR_HASH);
	assert_int_equal(info.nar_size, STORE_FIXTURE_NAR_SIZE);
	assert_int_equal(info.nrefs, 1);
	assert_true(nf_slice_is(info.refs[0], A));
	assert_int_equal(info.nsigs, 1);
	assert_true(nf_slice_is(info.sigs[0], STORE_FIXTURE_SIG));
	nf_pathinfo_release(&info);
}

static void a_path_that_is_not_valid_is_missing(void **state)
{
	const struct temp_dir *t = *state;
	AUTO(local_store_freep) struct local_store *s = open_store(t);
	AUTO_FREE char *want = mem_printf(
		"'/nix/store/" OTHER "' is not valid in '%s/nix/var/nix/db/db.sqlite'",
		t->path);
	struct nf_storepath path;
	struct nf_pathinfo info;
	struct nf_err err;
	bool valid = true;

	store_fixture_path(&path, OTHER);
	/* Files alone do not make it valid. */
	temp_dir_write(t, "nix/store/" OTHER, "here");
	assert_int_equal(local_store_is_valid(s, &path, &valid, NULL), 0);
	assert_false(valid);
	expect_error(err, local_store_find(s, &path, &info, &err), NF_E_MISSING, want);
	nf_pathinfo_release(&info);
}

static void old_store_without_sha256_or_size_is_reported(void **state)
{
	static const char *const changes[] = {
		"update ValidPaths set narSize = null",
		"update ValidPaths set narSize = 120, hash = 'md5:d41d8cd98f00b204e9800998ecf8427e'",
	};
	const struct temp_dir *t = *state;
	AUTO_FREE char *want = mem_printf(
		"the store under '%s' has no SHA-256 or no size for '" A "'", t->path);
	struct nf_storepath path;

	store_fixture_path(&path, A);
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		AUTO(local_store_freep) struct local_store *s = NULL;
		struct nf_pathinfo info;
		struct nf_err err;

		store_fixture_sql(t, changes[i]);
		s = open_store(t);
		expect_error(err, local_store_find(s, &path, &info, &err),
			     NF_E_UNSUPPORTED, want);
		nf_pathinfo_release(&info);
	}
}

/* ---- NARs ---- */

static int read_nar(struct local_store *s, const char *base, struct nf_err *err)
{
	AUTO(source_closep) struct nf_source *nar = NULL;
	struct nf_pathinfo info;
	struct nf_trusted trusted;
	struct nf_storepath path;
	int rc;

	store_fixture_path(&path, base);
	assert_int_equal(local_store_find(s, &path, &info, NULL), 0);
	nf_trust_by_store(&trusted, &info);
	rc = local_store_nar(s, &path, &nar, err);
	if (!rc) {
		nar = nar_checked_source(nar, &trusted);
		rc = source_drain(nar, err);
	}
	nf_pathinfo_release(&info);
	return rc;
}

static void nar_is_made_from_the_disk(void **state)
{
	const struct temp_dir *t = *state;
	AUTO(local_store_freep) struct local_store *s = open_store(t);
	struct nf_err err = { 0 };

	if (read_nar(s, A, &err))
		fail_msg("%s", err.text);
	temp_dir_write(t, "nix/store/" A, "hallo\n");
	assert_int_equal(read_nar(s, A, &err), -NF_E_HASH);
	assert_non_null(strstr(err.text, "NAR hash: expected " STORE_FIXTURE_NAR_HASH));
}

static void valid_path_missing_on_the_disk_is_not_believed(void **state)
{
	const struct temp_dir *t = *state;
	AUTO(local_store_freep) struct local_store *s = open_store(t);
	AUTO_FREE char *want = mem_printf(
		"'/nix/store/" B "' is valid in '%s', but missing on the disk", t->path);
	struct nf_storepath path;
	struct nf_pathinfo info;
	struct nf_err err;
	bool valid = true;

	store_fixture_path(&path, B);
	assert_int_equal(local_store_is_valid(s, &path, &valid, NULL), -NF_E_FORMAT);
	assert_false(valid);
	expect_error(err, local_store_find(s, &path, &info, &err), NF_E_FORMAT, want);
	nf_pathinfo_release(&info);
}

/* ---- derivations ---- */

static int read_drv(const struct temp_dir *t, struct nf_err *err)
{
	AUTO(local_store_freep) struct local_store *s = open_store(t);
	struct nf_derivation d;
	struct nf_storepath path;
	int rc;

	store_fixture_path(&path, DRV);
	rc = local_store_drv(s, &path, &d, err);
	if (!rc)
		assert_int_equal(d.noutputs, 1);
	nf_derivation_release(&d);
	return rc;
}

static void drv_fails(const struct temp_dir *t, enum nf_error code, const char *text)
{
	struct nf_err err;

	expect_error(err, read_drv(t, &err), code, text);
	free(temp_dir_run(NULL, "rm -r '%s/nix/store/" DRV "'", t->path));
}

static void a_derivation_is_read(void **state)
{
	const struct temp_dir *t = *state;

	temp_dir_write(t, "nix/store/" DRV,
		       "Derive([(\"out\",\"/nix/store/" OTHER
		       "\",\"\",\"\")],[],[],\"s\",\"b\",[],[])");
	assert_int_equal(read_drv(t, NULL), 0);
}

static void invalid_derivation_is_named(void **state)
{
#define NAMED "'/nix/store/" DRV "': "
	const struct temp_dir *t = *state;
	AUTO_FREE char *file = temp_dir_join(t, "nix/store/" DRV);

	drv_fails(t, NF_E_MISSING, NAMED "it does not exist");
	temp_dir_write(t, "nix/store/" DRV, "");
	drv_fails(t, NF_E_FORMAT, NAMED "byte 0: no 'Derive('");
	temp_dir_write(t, "nix/store/" DRV, "Derive([");
	drv_fails(t, NF_E_FORMAT, NAMED "byte 8: no '('");
	temp_dir_write(t, "nix/store/" DRV, "DrvWithVersion(\"xp-dyn-drv\",[])");
	drv_fails(t, NF_E_UNSUPPORTED,
		  NAMED "it uses dynamic derivations ('xp-dyn-drv')");
	temp_dir_mkdir(t, "nix/store/" DRV);
	drv_fails(t, NF_E_FORMAT, NAMED "a derivation that is not a regular file");
	assert_int_equal(symlink("/etc/passwd", file), 0);
	drv_fails(t, NF_E_FORMAT, NAMED "a derivation that is not a regular file");
	/* Nobody writes into it: reading it would block forever. */
	assert_int_equal(mkfifo(file, 0600), 0);
	drv_fails(t, NF_E_FORMAT, NAMED "a derivation that is not a regular file");
}

static void a_derivation_has_a_limit(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_FREE char *file = temp_dir_join(t, "nix/store/" DRV);
	AUTO_FREE char *want =
		mem_printf(NAMED "a derivation of %llu bytes, over the limit of %llu",
			   DERIVATION_MAX + 1ULL, (unsigned long long)DERIVATION_MAX);

	temp_dir_write(t, "nix/store/" DRV, "Derive(");
	assert_int_equal(truncate(file, (off_t)DERIVATION_MAX + 1), 0);
	drv_fails(t, NF_E_LIMIT, want);
}

#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, temp_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_root_may_end_in_slashes),
		STORE_TEST(missing_store_is_reported),
		STORE_TEST(store_without_a_database_is_reported),
		STORE_TEST(a_newer_schema_is_refused_by_number),
		STORE_TEST(file_that_is_not_a_database_is_named),
		STORE_TEST(unreadable_store_is_reported),
		STORE_TEST(valid_path_has_its_metadata),
		STORE_TEST(a_path_that_is_not_valid_is_missing),
		STORE_TEST(old_store_without_sha256_or_size_is_reported),
		STORE_TEST(nar_is_made_from_the_disk),
		STORE_TEST(valid_path_missing_on_the_disk_is_not_believed),
		STORE_TEST(a_derivation_is_read),
		STORE_TEST(invalid_derivation_is_named),
		STORE_TEST(a_derivation_has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
