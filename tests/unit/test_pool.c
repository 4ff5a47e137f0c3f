#include "pool_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/stream.h"
#include "format/ca.h"
#include "skip.h"

static char *info_path(const struct pool_fixture *f, const struct made *m)
{
	return pool_fixture_path(f, "%.32s.narinfo", m->info.path.base);
}

static char *nar_path(const struct pool_fixture *f, const struct nf_narinfo *ni)
{
	return pool_fixture_path(f, "%.*s", NF_SLICE_ARG(ni->url));
}

static char *read_text(const char *path)
{
	AUTO_BUF struct buf text = { 0 };
	struct nf_err err;

	buf_init(&text, MIB);
	if (file_read_at(AT_FDCWD, path, &text, &err))
		fail_msg("%s", err.text);
	buf_add_char(&text, '\0');
	return buf_take(&text);
}

static void opening_makes_the_directories_and_nix_cache_info(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *path = pool_fixture_path(f, "nix-cache-info");
	AUTO_FREE char *text = read_text(path);

	assert_string_equal(text, "StoreDir: /nix/store\n"
				  "WantMassQuery: 1\n"
				  "Priority: 30\n");
	assert_int_equal(pool_fixture_count(f, "nar"), 0);
	assert_int_equal(pool_fixture_count(f, "tmp"), 0);
	assert_string_equal(pool_dir(f->pool), f->dir);
}

static void pool_is_reopened_even_through_a_link(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *link = mem_printf("%s/link", f->top);
	AUTO(pool_freep) struct pool *other = NULL;

	assert_int_equal(symlink(f->dir, link), 0);
	assert_ok(f, pool_open(&other, link, &f->err));
}

static void cache_for_another_store_is_not_a_pool(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *path = pool_fixture_path(f, "nix-cache-info");
	struct pool *other = NULL;

	pool_fixture_write(path, "StoreDir: /gnu/store\n");
	assert_error(f, pool_open(&other, f->dir, &f->err), NF_E_USAGE, "'/gnu/store'");
	assert_null(other);
}

static int fail_on_entry(void *ctx, const struct nf_narinfo *ni, struct nf_err *err)
{
	(void)ctx;
	(void)ni;
	return err_set(err, NF_E_SYS, "there is an entry");
}

static void opening_read_only_creates_nothing(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *none = mem_printf("%s/none", f->top);
	AUTO_FREE char *bare = mem_printf("%s/bare", f->top);
	const char *const dirs[] = { none, bare };

	assert_int_equal(mkdir(bare, 0700), 0);
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		AUTO(pool_freep) struct pool *p = NULL;
		struct pool_sums sums;

		assert_ok(f, pool_open_read(&p, dirs[i], &f->err));
		assert_int_equal(pool_is_there(p), i == 1);
		assert_ok(f, pool_each(p, fail_on_entry, NULL, &f->err));
		assert_ok(f, pool_sum(p, &sums, &f->err));
		assert_int_equal(sums.entries + sums.partials, 0);
	}
	assert_int_not_equal(access(none, F_OK), 0);
	assert_int_equal(rmdir(bare), 0); /* it is still empty */
}

static void opening_read_only_checks_the_directory(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *path = pool_fixture_path(f, "nix-cache-info");
	struct pool *other = NULL;

	assert_error(f, pool_open_read(&other, path, &f->err), NF_E_SYS, path);
	pool_fixture_write(path, "StoreDir: /gnu/store\n");
	assert_error(f, pool_open_read(&other, f->dir, &f->err), NF_E_USAGE,
		     "'/gnu/store'");
	assert_null(other);
}

static void pool_that_cannot_be_created_is_an_error(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *file = mem_printf("%s/file", f->top);
	AUTO_FREE char *below = mem_printf("%s/below", file);
	struct pool *other = NULL;

	pool_fixture_write(file, "");
	assert_error(f, pool_open(&other, file, &f->err), NF_E_SYS, file);
	assert_error(f, pool_open(&other, below, &f->err), NF_E_SYS, file);
}

static void the_default_is_in_the_cache_directory(void **state)
{
	static const struct {
		const char *xdg, *home, *expected, *why;
	} rows[] = {
		{ "/x", "/h", "/x/nixferry", "XDG_CACHE_HOME" },
		{ NULL, "/h", "/h/.cache/nixferry", "HOME" },
		{ "", "/h", "/h/.cache/nixferry", "an empty one" },
		{ "x", "/h", "/h/.cache/nixferry", "a relative one is ignored" },
		{ NULL, NULL, NULL, "nothing" },
	};
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *dir = NULL;
		int rc;

		unsetenv("XDG_CACHE_HOME");
		unsetenv("HOME");
		if (rows[i].xdg)
			setenv("XDG_CACHE_HOME", rows[i].xdg, 1);
		if (rows[i].home)
			setenv("HOME", rows[i].home, 1);
		rc = pool_default_dir(&dir, &err);
		if (rows[i].expected ? rc || strcmp(dir, rows[i].expected) != 0
				     : rc != -NF_E_USAGE)
			fail_msg("%s", rows[i].why);
	}
}

static void ingested_entry_is_found(void **state)
{
	struct pool_fixture *f = *state;
	struct nf_narinfo ni;
	struct made dep, m;
	AUTO_FD int fd = -1;
	struct stat st;

	made_init(&dep, f, "dep", "x", NULL);
	made_init(&m, f, "main", "hello", (struct made *const[]){ &dep, NULL });
	pool_fixture_ingest(f, &m, 3);
	pool_fixture_find(f, &m, &ni);
	assert_string_equal(ni.info.path.base, m.info.path.base);
	assert_true(nf_hash_eq(&ni.info.nar_hash, &m.info.nar_hash));
	assert_int_equal(ni.info.nar_size, m.info.nar_size);
	assert_int_equal(ni.info.nrefs, 1);
	assert_int_equal(ni.info.nsigs, 1);
	assert_true(nf_slice_eq(ni.info.sigs[0], m.info.sigs[0]));
	assert_true(nf_slice_is(ni.compression, "zstd"));
	assert_int_equal(ni.level, 3);
	assert_int_equal(ni.inodes, 1);
	assert_true(ni.has_xxh3);
	assert_ok(f, pool_open_nar(f->pool, &ni, &fd, &f->err));
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, ni.file_size);
	assert_ok(f, pool_check_entry(f->pool, &ni, &f->err));
	nf_narinfo_release(&ni);
	assert_error(f, pool_find(f->pool, &dep.info.path, &ni, &f->err), NF_E_MISSING,
		     "pool entry");
	nf_narinfo_release(&ni);
	made_release(&dep);
	made_release(&m);
}

/* Replaces the first FROM (up to the end of its line) of a text; free(). */
static char *with_line(const char *text, const char *key, const char *line)
{
	const char *at = strstr(text, key);
	const char *end;

	assert_non_null(at);
	end = strchr(at, '\n') + 1;
	return mem_printf("%.*s%s%s", (int)(at - text), text, line, end);
}

static void foreign_entry_counts_as_missing(void **state)
{
	static const struct {
		const char *key, *line, *part, *why;
	} rows[] = {
		{ "URL", "URL: nar/../../etc/passwd\n", "its URL", "leads out" },
		{ "URL", "URL: /etc/passwd\n", "its URL", "absolute" },
		{ "URL", "URL: nar/x.nar.zst\n", "its URL", "not by its hash" },
		{ "URL", "URL: http://example.org/x\n", "its URL", "elsewhere" },
		{ "Compression", "Compression: xz\n", "its URL", "the suffix differs" },
		{ "Compression", "Compression: snappy\n", "'snappy' is unknown", "" },
		{ "FileSize", "", "it lacks a field", "no size" },
		{ "FileSize", "FileSize: 1\n", "is not 1 byte long", "another size" },
		{ "FileHash", "", "it lacks a field", "no hash" },
		{ "Nixferry-Xxh3", "", "it lacks a field", "made by somebody else" },
		{ "Nixferry-Nodes", "", "it lacks a field", "made by somebody else" },
		{ "NarSize", "NarSize: x\n", "line", "does not parse" },
		{ "StorePath",
		  "StorePath: /nix/store/0c0chgh2ckigyv5crknwvlx2zmyh2dc2-other\n",
		  "pool entry", "of another path" },
	};
	struct pool_fixture *f = *state;
	AUTO_FREE char *path = NULL;
	AUTO_FREE char *text = NULL;
	struct nf_narinfo ni;
	struct made m;

	made_init(&m, f, "main", "hello", NULL);
	pool_fixture_ingest(f, &m, 3);
	path = info_path(f, &m);
	text = read_text(path);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *bad = with_line(text, rows[i].key, rows[i].line);

		pool_fixture_write(path, bad);
		if (pool_find(f->pool, &m.info.path, &ni, &f->err) != -NF_E_MISSING)
			fail_msg("row %zu: %s %s", i, rows[i].line, rows[i].why);
		if (!strstr(f->err.text, rows[i].part))
			fail_msg("row %zu: '%s'", i, f->err.text);
		nf_narinfo_release(&ni);
	}
	pool_fixture_write(path, text);
	pool_fixture_find(f, &m, &ni);
	nf_narinfo_release(&ni);
	made_release(&m);
}

static void entry_with_a_missing_or_short_file_counts_as_missing(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *nar = NULL;
	struct nf_narinfo ni, again;
	struct made m;
	int fd = -1;

	made_init(&m, f, "main", "hello", NULL);
	pool_fixture_ingest(f, &m, 3);
	pool_fixture_find(f, &m, &ni);
	nar = nar_path(f, &ni);
	assert_int_equal(truncate(nar, 5), 0);
	assert_error(f, pool_find(f->pool, &m.info.path, &again, &f->err), NF_E_MISSING,
		     "bytes");
	nf_narinfo_release(&again);
	assert_int_equal(unlink(nar), 0);
	assert_error(f, pool_find(f->pool, &m.info.path, &again, &f->err), NF_E_MISSING,
		     "is missing");
	nf_narinfo_release(&again);
	assert_error(f, pool_open_nar(f->pool, &ni, &fd, &f->err), NF_E_MISSING,
		     "is missing");
	assert_int_equal(symlink("/etc/passwd", nar), 0);
	assert_error(f, pool_open_nar(f->pool, &ni, &fd, &f->err), NF_E_MISSING,
		     "is a symbolic link");
	assert_int_equal(unlink(nar), 0);
	assert_int_equal(mkfifo(nar, 0600), 0);
	assert_error(f, pool_open_nar(f->pool, &ni, &fd, &f->err), NF_E_MISSING,
		     "is a FIFO");
	nf_narinfo_release(&ni);
	made_release(&m);
}

static void signatures_are_added_once(void **state)
{
	static const char other[] =
		"other-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==";
	struct pool_fixture *f = *state;
	struct nf_narinfo ni;
	struct made m, absent;

	made_init(&m, f, "main", "hello", NULL);
	made_init(&absent, f, "absent", "x", NULL);
	pool_fixture_ingest(f, &m, 3);
	nf_pathinfo_add_sig(&m.info, NF_SLICE_LIT(other));
	assert_ok(f, pool_add_sigs(f->pool, &m.info, &f->err));
	assert_ok(f, pool_add_sigs(f->pool, &m.info, &f->err));
	pool_fixture_find(f, &m, &ni);
	assert_int_equal(ni.info.nsigs, 2);
	assert_true(nf_slice_is(ni.info.sigs[1], other));
	assert_int_equal(ni.level, 3);
	nf_narinfo_release(&ni);
	assert_error(f, pool_add_sigs(f->pool, &absent.info, &f->err), NF_E_MISSING,
		     absent.info.path.base);
	m.info.nar_hash.bytes[0] ^= 1;
	assert_error(f, pool_add_sigs(f->pool, &m.info, &f->err), NF_E_HASH,
		     "another NAR");
	made_release(&absent);
	made_release(&m);
}

struct seen {
	char text[256];
	int stop_after;
};

static int see(void *ctx, const struct nf_narinfo *ni, struct nf_err *err)
{
	struct seen *s = ctx;
	struct nf_slice name = nf_storepath_name(&ni->info.path);

	(void)err;
	strncat(s->text, name.ptr, name.len);
	return --s->stop_after == 0 ? 7 : 0;
}

static void each_visits_complete_entries_and_can_stop(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *stray = pool_fixture_path(f, "README");
	AUTO_FREE char *bad =
		pool_fixture_path(f, "0c0chgh2ckigyv5crknwvlx2zmyh2dc2.narinfo");
	struct made a, b;
	struct seen s = { .stop_after = 99 };

	made_init(&a, f, "a", "x", NULL);
	made_init(&b, f, "b", "y", NULL);
	pool_fixture_ingest(f, &a, 3);
	pool_fixture_ingest(f, &b, 3);
	pool_fixture_write(stray, "");
	pool_fixture_write(bad, "garbage");
	assert_ok(f, pool_each(f->pool, see, &s, &f->err));
	assert_int_equal(strlen(s.text), 2);
	s = (struct seen){ .stop_after = 1 };
	assert_int_equal(pool_each(f->pool, see, &s, &f->err), 7);
	assert_int_equal(strlen(s.text), 1);
	made_release(&a);
	made_release(&b);
}

static void one_flipped_bit_is_detected(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *nar = NULL;
	struct nf_narinfo ni;
	struct made m;

	made_init_random(&m, f, "main", 700000);
	pool_fixture_ingest(f, &m, 1);
	pool_fixture_find(f, &m, &ni);
	assert_ok(f, pool_check_entry(f->pool, &ni, &f->err));
	nar = nar_path(f, &ni);
	pool_fixture_flip(nar, (long)ni.file_size / 2);
	assert_error(f, pool_check_entry(f->pool, &ni, &f->err), NF_E_HASH,
		     "its file is damaged");
	nf_narinfo_release(&ni);
	/* Ingesting it again heals it. */
	pool_fixture_ingest(f, &m, 1);
	pool_fixture_find(f, &m, &ni);
	assert_ok(f, pool_check_entry(f->pool, &ni, &f->err));
	nf_narinfo_release(&ni);
	made_release(&m);
}

static void shared_file_is_removed_with_its_last_entry(void **state)
{
	struct pool_fixture *f = *state;
	struct nf_narinfo ni, gone;
	struct made a, b;

	made_init(&a, f, "a", "same", NULL);
	made_init(&b, f, "b", "same", NULL);
	pool_fixture_ingest(f, &a, 3);
	pool_fixture_ingest(f, &b, 3);
	assert_int_equal(pool_fixture_count(f, "nar"), 1);
	pool_fixture_find(f, &a, &ni);
	assert_ok(f, pool_remove(f->pool, &ni, &f->err));
	nf_narinfo_release(&ni);
	assert_error(f, pool_find(f->pool, &a.info.path, &gone, &f->err), NF_E_MISSING,
		     "");
	nf_narinfo_release(&gone);
	pool_fixture_find(f, &b, &ni);
	assert_ok(f, pool_remove(f->pool, &ni, &f->err));
	nf_narinfo_release(&ni);
	assert_int_equal(pool_fixture_count(f, "nar"), 0);
	made_release(&a);
	made_release(&b);
}

static void make_old(const char *path)
{
	const struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void gc_removes_only_old_useless_files(void **state)
{
	static const struct {
		const char *name;
		bool old, stays;
		const char *why;
	} rows[] = {
		{ "nar/orphan.nar.zst", true, false, "no narinfo names it" },
		{ "nar/young.nar.zst", false, true, "its narinfo may be on the way" },
		{ "tmp/a.part", true, false, "abandoned" },
		{ "tmp/a.etag", true, false, "abandoned" },
		{ "tmp/b.part", false, true, "may be resumed" },
		{ "0c0chgh2ckigyv5crknwvlx2zmyh2dc2.narinfo", true, false, "no narinfo" },
		{ "0c0chgh2ckigyv5crknwvlx2zmyh2dc3.narinfo", false, true, "young" },
		{ "README", true, true, "not ours" },
	};
	struct pool_fixture *f = *state;
	AUTO_FREE char *held = pool_fixture_path(f, "tmp/held.part");
	AUTO_FREE char *nar = NULL;
	struct pool_partial pp;
	struct nf_narinfo ni;
	const struct pool_gc_options opts = { .partial_age = 3600,
					      .unused_age = -1,
					      .max_bytes = UINT64_MAX };
	struct pool_gc_result result;
	struct made m;

	made_init(&m, f, "main", "hello", NULL);
	pool_fixture_ingest(f, &m, 3);
	pool_fixture_find(f, &m, &ni);
	nar = nar_path(f, &ni);
	make_old(nar);
	assert_ok(f, pool_partial_open(f->pool, "held", &pp, &f->err));
	make_old(held);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *path = pool_fixture_path(f, "%s", rows[i].name);

		pool_fixture_write(path, "12345");
		if (rows[i].old)
			make_old(path);
	}
	assert_ok(f, pool_gc(f->pool, &opts, &result, &f->err));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *path = pool_fixture_path(f, "%s", rows[i].name);

		if ((access(path, F_OK) == 0) != rows[i].stays)
			fail_msg("%s: %s", rows[i].name, rows[i].why);
	}
	assert_int_equal(result.freed_bytes, 4 * 5);
	assert_int_equal(result.removed, 0);
	assert_int_equal(result.left, 1);
	assert_int_equal(access(held, F_OK), 0);
	assert_ok(f, pool_check_entry(f->pool, &ni, &f->err));
	pool_partial_discard(f->pool, &pp);
	nf_narinfo_release(&ni);
	made_release(&m);
}

static void opening_removes_leftovers_of_killed_processes(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *left = pool_fixture_path(f, "tmp/1.0.tmp");
	AUTO_FREE char *used = pool_fixture_path(f, "tmp/1.1.tmp");
	AUTO_FREE char *part = pool_fixture_path(f, "tmp/x.part");
	AUTO(pool_freep) struct pool *other = NULL;
	AUTO_FD int fd = -1;

	pool_fixture_write(left, "");
	pool_fixture_write(used, "");
	pool_fixture_write(part, "");
	fd = open(used, O_RDWR);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_ok(f, pool_open(&other, f->dir, &f->err));
	assert_int_equal(access(left, F_OK), -1);
	assert_int_equal(access(used, F_OK), 0);
	assert_int_equal(access(part, F_OK), 0);
}

static void run_nix(struct pool_fixture *f, const char *path)
{
	AUTO_FREE char *public = nf_secret_key_public(f->key);
	AUTO_FREE char *command = mem_printf(
		"cd %s && HOME=%s XDG_CACHE_HOME=%s "
		"NIX_CONFIG='experimental-features = nix-command' nix copy --from "
		"file://%s --to 'local?root=%s/root' --option trusted-public-keys "
		"'%s' --option build-users-group '' %s >nix.log 2>&1",
		f->top, f->top, f->top, f->dir, f->top, public, path);

	if (system(command) != 0) {
		AUTO_FREE char *log = mem_printf("%s/nix.log", f->top);
		AUTO_FREE char *text = read_text(log);

		fail_msg("%s", text);
	}
}

/* The pool is a file:// cache as it stands. */
static void nix_copies_from_the_pool(void **state)
{
	struct pool_fixture *f = *state;
	char path[NF_STOREPATH_TEXT_MAX];
	AUTO_FREE char *copied = NULL;
	AUTO_FREE char *text = NULL;
	struct made dep, m;

	if (system("command -v nix >/dev/null 2>&1") != 0)
		skip_because("no Nix here");
	made_init(&dep, f, "dep", "the dependency", NULL);
	made_init(&m, f, "main", "hello", (struct made *const[]){ &dep, NULL });
	pool_fixture_ingest(f, &dep, 3);
	pool_fixture_ingest(f, &m, POOL_KEEP);
	nf_storepath_format(path, &m.info.path);
	run_nix(f, path);
	nf_storepath_format(path, &dep.info.path);
	copied = mem_printf("%s/root%s", f->top, path);
	text = read_text(copied);
	assert_string_equal(text, "the dependency");
	made_release(&dep);
	made_release(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(opening_makes_the_directories_and_nix_cache_info),
		FIXTURE_TEST(pool_is_reopened_even_through_a_link),
		FIXTURE_TEST(cache_for_another_store_is_not_a_pool),
		FIXTURE_TEST(pool_that_cannot_be_created_is_an_error),
		FIXTURE_TEST(opening_read_only_creates_nothing),
		FIXTURE_TEST(opening_read_only_checks_the_directory),
		cmocka_unit_test(the_default_is_in_the_cache_directory),
		FIXTURE_TEST(ingested_entry_is_found),
		FIXTURE_TEST(foreign_entry_counts_as_missing),
		FIXTURE_TEST(entry_with_a_missing_or_short_file_counts_as_missing),
		FIXTURE_TEST(signatures_are_added_once),
		FIXTURE_TEST(each_visits_complete_entries_and_can_stop),
		FIXTURE_TEST(one_flipped_bit_is_detected),
		FIXTURE_TEST(shared_file_is_removed_with_its_last_entry),
		FIXTURE_TEST(gc_removes_only_old_useless_files),
		FIXTURE_TEST(opening_removes_leftovers_of_killed_processes),
		FIXTURE_TEST(nix_copies_from_the_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
