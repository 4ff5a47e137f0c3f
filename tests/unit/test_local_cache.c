#include "caches/local_cache.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "expect.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/stream.h"
#include "bundle_fixture.h"
#include "store_fixture.h"

#define A	STORE_FIXTURE_A
#define B	STORE_FIXTURE_B
#define A_INFO	"cache/sgii4f5h9d2lym14f3av1r80w53l9k82.narinfo"
#define NARINFO "sgii4f5h9d2lym14f3av1r80w53l9k82.narinfo"

static const char narinfo_text[] = "StorePath: /nix/store/" A "\nURL: nar/a.nar\n"
				   "Compression: none\nNarHash: " STORE_FIXTURE_NAR_HASH
				   "\nNarSize: 120\nReferences: " A "\n";

/* ---- opening and reading ---- */

/* Of a path below the test's directory. */
static int open_path(struct local_cache **ret, const struct temp_dir *t,
		     enum substituter_kind kind, const char *name,
		     const struct nf_keyring *keys, struct nf_err *err)
{
	AUTO_FREE char *path = temp_dir_join(t, name);
	struct substituter conf = { .kind = kind, .path = path, .url = path };

	return local_cache_open(ret, &conf, keys, err);
}

static struct local_cache *open_good(const struct temp_dir *t, enum substituter_kind kind,
				     const char *name)
{
	struct local_cache *s = NULL;
	struct nf_err err;

	if (open_path(&s, t, kind, name, NULL, &err))
		fail_msg("%s", err.text);
	return s;
}

/* It fails with TEXT, in which the one "%s" is the test's directory. */
static void opening_fails(const struct temp_dir *t, enum substituter_kind kind,
			  const char *name, enum nf_error code, const char *text)
{
	const char *mark = strstr(text, "%s");
	AUTO_FREE char *want =
		mem_printf("%.*s%s%s", (int)(mark - text), text, t->path, mark + 2);
	struct local_cache *s = NULL;
	struct nf_err err;

	expect_error(err, open_path(&s, t, kind, name, NULL, &err), code, want);
	assert_null(s);
}

static int find_path(struct local_cache *s, const char *base, struct nf_err *err)
{
	AUTO(nf_narinfo_release) struct nf_narinfo ni = { 0 };
	struct nf_storepath path;

	store_fixture_path(&path, base);
	return local_cache_find(s, &path, &ni, err);
}

/* The bytes of the NAR at URL; free(). */
static int read_nar(const struct local_cache *s, const char *url, char **ret,
		    struct nf_err *err)
{
	AUTO(source_closep) struct nf_source *nar = NULL;
	AUTO_BUF struct buf bytes = { 0 };
	struct nf_pathinfo info;
	struct buf_sink sink;
	uint64_t size = 0;
	int rc;

	nf_pathinfo_init(&info);
	store_fixture_path(&info.path, A);
	info.nar_size = STORE_FIXTURE_NAR_SIZE;
	buf_init(&bytes, MIB);
	buf_sink_init(&sink, &bytes);
	rc = local_cache_nar(s, &info, url, &nar, &size, err);
	if (!rc)
		rc = source_copy(nar, &sink.sink, err);
	nf_pathinfo_release(&info);
	if (rc)
		return rc;
	assert_int_equal(bytes.len, size);
	buf_add_char(&bytes, '\0');
	*ret = buf_take(&bytes);
	return 0;
}

static void nar_fails(const struct local_cache *s, const char *url, enum nf_error code,
		      const char *text)
{
	struct nf_err err;
	char *none = NULL;

	expect_error(err, read_nar(s, url, &none, &err), code, text);
}

/* ---- a cache's directory ---- */

static void make_cache(const struct temp_dir *t)
{
	temp_dir_mkdir(t, "cache/nar");
	temp_dir_write(t, "cache/nix-cache-info", "StoreDir: /nix/store\n");
	temp_dir_write(t, A_INFO, narinfo_text);
	temp_dir_write(t, "cache/nar/a.nar", "bytes");
	temp_dir_write(t, "secret", "not to be had");
}

static void directory_describes_its_paths(void **state)
{
	const struct temp_dir *t = *state;
	AUTO(local_cache_freep) struct local_cache *s = NULL;
	AUTO(nf_narinfo_release) struct nf_narinfo ni = { 0 };
	AUTO_BUF struct buf info = { 0 };
	struct nf_storepath path;
	struct nf_err err;

	make_cache(t);
	s = open_good(t, SUBSTITUTER_FILE, "cache");
	assert_false(local_cache_dumps(s));
	buf_init(&info, NIX_CACHE_INFO_MAX);
	assert_int_equal(local_cache_info(s, &info, NULL), 0);
	assert_true(nf_slice_is(buf_slice(&info), "StoreDir: /nix/store\n"));
	store_fixture_path(&path, A);
	assert_int_equal(local_cache_find(s, &path, &ni, NULL), 0);
	assert_true(nf_slice_is(ni.url, "nar/a.nar"));
	assert_int_equal(ni.info.nar_size, 120);
	assert_int_equal(ni.info.nrefs, 1);
	expect_error(err, find_path(s, B, &err), NF_E_MISSING,
		     "'xp0dpr9yz5h0fk5c5lpj7zzqjbdh3w8c.narinfo' does not exist");
}

static void directory_may_lack_cache_info(void **state)
{
	const struct temp_dir *t = *state;
	AUTO(local_cache_freep) struct local_cache *s = NULL;
	AUTO_BUF struct buf info = { 0 };
	struct nf_err err;

	temp_dir_mkdir(t, "bare");
	s = open_good(t, SUBSTITUTER_FILE, "bare");
	buf_init(&info, NIX_CACHE_INFO_MAX);
	expect_error(err, local_cache_info(s, &info, &err), NF_E_MISSING,
		     "'nix-cache-info' does not exist");
}

static void invalid_narinfo_is_reported(void **state)
{
	const struct temp_dir *t = *state;
	AUTO(local_cache_freep) struct local_cache *s = NULL;
	AUTO_FREE char *file = temp_dir_join(t, A_INFO);
	struct nf_err err;

	make_cache(t);
	s = open_good(t, SUBSTITUTER_FILE, "cache");
	temp_dir_write(t, A_INFO, "nonsense\n");
	expect_error(err, find_path(s, A, &err), NF_E_FORMAT,
		     "narinfo of '" A "': line 1: no ':'");
	temp_dir_write(t, A_INFO, "StorePath: /nix/store/" B "\n");
	assert_int_equal(find_path(s, A, &err), -NF_E_FORMAT);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(symlink("nar/a.nar", file), 0);
	assert_int_equal(find_path(s, A, &err), -NF_E_FORMAT);
	assert_int_equal(unlink(file), 0);
	temp_dir_mkdir(t, A_INFO);
	expect_error(err, find_path(s, A, &err), NF_E_FORMAT,
		     "'" NARINFO "' is a directory, not a regular file");
	assert_int_equal(rmdir(file), 0);
	/* Nobody writes into it: reading it would block forever. */
	assert_int_equal(mkfifo(file, 0600), 0);
	expect_error(err, find_path(s, A, &err), NF_E_FORMAT,
		     "'" NARINFO "' is a FIFO, not a regular file");
}

static void a_narinfo_has_a_limit(void **state)
{
	const struct temp_dir *t = *state;
	AUTO(local_cache_freep) struct local_cache *s = NULL;
	AUTO_FREE char *file = temp_dir_join(t, A_INFO);
	AUTO_FREE char *want =
		mem_printf("'" NARINFO "' is larger than %zu bytes", (size_t)NARINFO_MAX);
	struct nf_err err;

	make_cache(t);
	s = open_good(t, SUBSTITUTER_FILE, "cache");
	assert_int_equal(truncate(file, (off_t)NARINFO_MAX + 1), 0);
	expect_error(err, find_path(s, A, &err), NF_E_LIMIT, want);
}

static void nars_of_a_directory_are_files_in_it(void **state)
{
	static const char *const out[] = { "../secret",
					   "nar/../../secret",
					   "/etc/passwd",
					   "..",
					   "nar/..",
					   "nar/../..//nar/a.nar",
					   "http://host/a.nar",
					   "FILE:///etc/passwd" };
	static const char *const in[] = { "./nar/a.nar", "nar//a.nar", "nar/../nar/a.nar",
					  "x/../nar/./a.nar" };
	const struct temp_dir *t = *state;
	AUTO(local_cache_freep) struct local_cache *s = NULL;
	AUTO_FREE char *link = temp_dir_join(t, "cache/nar/link");
	AUTO_FREE char *fifo = temp_dir_join(t, "cache/nar/fifo");
	AUTO_FREE char *bytes = NULL;

	make_cache(t);
	s = open_good(t, SUBSTITUTER_FILE, "cache");
	assert_int_equal(read_nar(s, "nar/a.nar", &bytes, NULL), 0);
	assert_string_equal(bytes, "bytes");
	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
		free(bytes);
		bytes = NULL;
		assert_int_equal(read_nar(s, in[i], &bytes, NULL), 0);
		assert_string_equal(bytes, "bytes");
	}
	for (size_t i = 0; i < ARRAY_SIZE(out); i++) {
		AUTO_FREE char *want =
			mem_printf("URL '%s' points outside the cache", out[i]);

		nar_fails(s, out[i], NF_E_FORMAT, want);
	}
	nar_fails(s, "nar/b.nar", NF_E_MISSING, "'nar/b.nar' does not exist");
	nar_fails(s, "nar", NF_E_FORMAT, "'nar' is a directory, not a regular file");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	nar_fails(s, "nar/fifo", NF_E_FORMAT, "'nar/fifo' is a FIFO, not a regular file");
	assert_int_equal(symlink("../../secret", link), 0);
	nar_fails(s, "nar/link", NF_E_FORMAT,
		  "'nar/link' is a symbolic link, not a regular file");
}

/* ---- a bundle ---- */

#define BUNDLED "0123456789abcdfghijklmnpqrsvwxyz-x"

/* In $T/b.bundle, with a narinfo of BUNDLED. */
static void make_bundle(const struct temp_dir *t, struct fixture *f)
{
	static const char text[] = "StorePath: /nix/store/" BUNDLED "\nURL: nar/y.nar\n"
				   "Compression: none\nNarHash: " STORE_FIXTURE_NAR_HASH
				   "\nNarSize: 120\nReferences: \n";
	AUTO_FD int fd =
		openat(t->fd, "b.bundle", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	fixture_small(f);
	free(f->bytes[1]);
	f->bytes[1] = mem_strdup(text);
	f->inputs[1].bytes = f->bytes[1];
	f->inputs[1].size = strlen(text);
	assert_true(fd >= 0);
	assert_int_equal(fixture_write(f, fd, 1, NULL), 0);
}

static void bundle_describes_its_paths(void **state)
{
	const struct temp_dir *t = *state;
	AUTO(local_cache_freep) struct local_cache *s = NULL;
	AUTO(fixture_release) struct fixture f = { 0 };
	AUTO_BUF struct buf info = { 0 };
	AUTO_FREE char *bytes = NULL;
	struct nf_err err;

	make_bundle(t, &f);
	assert_int_equal(open_path(&s, t, SUBSTITUTER_PATH, "b.bundle", f.ring, NULL), 0);
	assert_false(local_cache_dumps(s));
	buf_init(&info, NIX_CACHE_INFO_MAX);
	assert_int_equal(local_cache_info(s, &info, NULL), 0);
	assert_true(info.len > 0);
	assert_int_equal(find_path(s, BUNDLED, NULL), 0);
	expect_error(err, find_path(s, A, &err), NF_E_MISSING,
		     "'" NARINFO "' is not in the bundle");
	assert_int_equal(read_nar(s, "nar/x.nar", &bytes, NULL), 0);
	assert_int_equal(strlen(bytes), 700);
	nar_fails(s, "nar/y.nar", NF_E_MISSING, "'nar/y.nar' is not in the bundle");
	nar_fails(s, "../secret", NF_E_MISSING, "'../secret' is not in the bundle");
}

static void rejects_bundle_of_unknown_signer(void **state)
{
	const struct temp_dir *t = *state;
	AUTO(fixture_release) struct fixture f = { 0 };
	struct nf_keyring *none = nf_keyring_new();
	struct local_cache *s = NULL;
	struct nf_err err;

	make_bundle(t, &f);
	assert_int_equal(open_path(&s, t, SUBSTITUTER_FILE, "b.bundle", none, &err),
			 -NF_E_TRUST);
	assert_non_null(strstr(err.text, "'test-1'"));
	assert_null(s);
	nf_keyring_free(none);
}

/* ---- a store ---- */

static void store_describes_and_dumps_its_paths(void **state)
{
	const struct temp_dir *t = *state;
	AUTO(local_cache_freep) struct local_cache *s = NULL;
	AUTO(nf_narinfo_release) struct nf_narinfo ni = { 0 };
	AUTO_FREE char *bytes = NULL;
	AUTO_BUF struct buf info = { 0 };
	struct nf_storepath path;
	struct nf_err err;

	store_fixture_make(t);
	s = open_good(t, SUBSTITUTER_PATH, ".");
	assert_true(local_cache_dumps(s));
	expect_error(err, local_cache_info(s, &info, &err), NF_E_MISSING,
		     "a store has no nix-cache-info");
	store_fixture_path(&path, A);
	assert_int_equal(local_cache_find(s, &path, &ni, NULL), 0);
	assert_true(nf_slice_is(ni.url, A));
	assert_true(nf_slice_is(ni.compression, "none"));
	assert_int_equal(ni.info.nar_size, STORE_FIXTURE_NAR_SIZE);
	assert_int_equal(read_nar(s, A, &bytes, NULL), 0);
}

static void borrowed_store_stays_open(void **state)
{
	const struct temp_dir *t = *state;
	AUTO(local_store_freep) struct local_store *store = NULL;
	struct nf_storepath path;
	bool valid = false;

	store_fixture_make(t);
	assert_int_equal(local_store_open(&store, t->path, NULL), 0);
	local_cache_free(local_cache_of_store(store));
	store_fixture_path(&path, A);
	assert_int_equal(local_store_is_valid(store, &path, &valid, NULL), 0);
	assert_true(valid);
}

/* ---- which of them it is ---- */

static void path_is_a_store_unless_it_is_a_cache(void **state)
{
	const struct temp_dir *t = *state;
	struct local_cache *s;

	make_cache(t);
	store_fixture_make(t);
	s = open_good(t, SUBSTITUTER_PATH, "cache");
	assert_false(local_cache_dumps(s));
	local_cache_free(s);
	/* "file://" is never a store. */
	s = open_good(t, SUBSTITUTER_FILE, ".");
	assert_false(local_cache_dumps(s));
	local_cache_free(s);
	temp_dir_mkdir(t, "neither");
	opening_fails(t, SUBSTITUTER_PATH, "neither", NF_E_MISSING,
		      "there is no store in '%s/neither'");
}

static void invalid_source_is_reported(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_FREE char *fifo = temp_dir_join(t, "fifo");

	opening_fails(t, SUBSTITUTER_FILE, "none", NF_E_SYS,
		      "cannot open '%s/none': No such file or directory");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	opening_fails(t, SUBSTITUTER_FILE, "fifo", NF_E_USAGE,
		      "'%s/fifo' is neither a directory nor a bundle");
	temp_dir_write(t, "text", "no bundle");
	opening_fails(t, SUBSTITUTER_PATH, "text", NF_E_FORMAT,
		      "bundle '%s/text': not a nixferry bundle: too short");
}

#define DIR_TEST(test)                                                                   \
	cmocka_unit_test_setup_teardown(test, temp_dir_setup, temp_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DIR_TEST(directory_describes_its_paths),
		DIR_TEST(directory_may_lack_cache_info),
		DIR_TEST(invalid_narinfo_is_reported),
		DIR_TEST(a_narinfo_has_a_limit),
		DIR_TEST(nars_of_a_directory_are_files_in_it),
		DIR_TEST(bundle_describes_its_paths),
		DIR_TEST(rejects_bundle_of_unknown_signer),
		DIR_TEST(store_describes_and_dumps_its_paths),
		DIR_TEST(borrowed_store_stays_open),
		DIR_TEST(path_is_a_store_unless_it_is_a_cache),
		DIR_TEST(invalid_source_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
