#include "pool_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

static void open_partial(struct pool_fixture *f, const char *id, struct pool_partial *pp)
{
	assert_ok(f, pool_partial_open(f->pool, id, pp, &f->err));
}

static void write_partial(struct pool_fixture *f, struct pool_partial *pp, const void *p,
			  size_t len)
{
	assert_ok(f, file_write_all(pp->fd, p, len, "partial", &f->err));
}

static void a_later_run_goes_on_where_one_stopped(void **state)
{
	struct pool_fixture *f = *state;
	struct pool_partial pp;

	open_partial(f, "id", &pp);
	assert_int_equal(pp.size, 0);
	assert_null(pp.etag);
	assert_ok(f, pool_partial_set_etag(f->pool, &pp, "\"v1\"", &f->err));
	write_partial(f, &pp, "12345", 5);
	pool_partial_keep(f->pool, &pp);
	assert_int_equal(pp.fd, -1);

	pool_fixture_reopen(f);
	open_partial(f, "id", &pp);
	assert_int_equal(pp.size, 5);
	assert_string_equal(pp.etag, "\"v1\"");
	write_partial(f, &pp, "678", 3);
	pool_partial_keep(f->pool, &pp);

	open_partial(f, "id", &pp);
	assert_int_equal(pp.size, 8);
	pool_partial_discard(f->pool, &pp);
	assert_int_equal(pool_fixture_count(f, "tmp"), 0);
}

static void a_kill_leaves_what_was_written(void **state)
{
	struct pool_fixture *f = *state;
	struct pool_partial pp;
	pid_t child = fork();

	if (child == 0) {
		if (pool_partial_open(f->pool, "id", &pp, NULL) ||
		    write(pp.fd, "123", 3) != 3)
			_exit(1);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	open_partial(f, "id", &pp);
	assert_int_equal(pp.size, 3);
	pool_partial_discard(f->pool, &pp);
}

static void a_restart_forgets_bytes_and_etag(void **state)
{
	struct pool_fixture *f = *state;
	struct pool_partial pp;

	open_partial(f, "id", &pp);
	assert_ok(f, pool_partial_set_etag(f->pool, &pp, "x", &f->err));
	write_partial(f, &pp, "12345", 5);
	assert_ok(f, pool_partial_restart(f->pool, &pp, &f->err));
	assert_int_equal(pp.size, 0);
	assert_null(pp.etag);
	write_partial(f, &pp, "ab", 2);
	pool_partial_keep(f->pool, &pp);
	open_partial(f, "id", &pp);
	assert_int_equal(pp.size, 2);
	assert_null(pp.etag);
	pool_partial_discard(f->pool, &pp);
}

static void an_etag_without_bytes_or_with_controls_counts_for_nothing(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *etag = pool_fixture_path(f, "tmp/id.etag");
	struct pool_partial pp;

	pool_fixture_write(etag, "\"old\"");
	open_partial(f, "id", &pp);
	assert_null(pp.etag);
	write_partial(f, &pp, "1", 1);
	pool_partial_keep(f->pool, &pp);
	pool_fixture_write(etag, "a\r\nHost: evil");
	open_partial(f, "id", &pp);
	assert_null(pp.etag);
	assert_ok(f, pool_partial_set_etag(f->pool, &pp, "a\nb", &f->err));
	assert_null(pp.etag);
	assert_int_equal(access(etag, F_OK), -1);
	pool_partial_discard(f->pool, &pp);
}

static void who_comes_second_gets_one_of_his_own(void **state)
{
	struct pool_fixture *f = *state;
	AUTO(pool_freep) struct pool *other = NULL;
	struct pool_partial first, second;

	assert_ok(f, pool_open(&other, f->dir, &f->err));
	open_partial(f, "id", &first);
	write_partial(f, &first, "12345", 5);
	assert_ok(f, pool_partial_open(other, "id", &second, &f->err));
	assert_int_equal(second.size, 0);
	assert_string_not_equal(first.name, second.name);
	assert_ok(f, pool_partial_set_etag(other, &second, "x", &f->err));
	assert_string_equal(second.etag, "x");
	/* Nobody would look for it again. */
	pool_partial_keep(other, &second);
	assert_int_equal(pool_fixture_count(f, "tmp"), 1);
	pool_partial_keep(f->pool, &first);
	assert_ok(f, pool_partial_open(other, "id", &second, &f->err));
	assert_int_equal(second.size, 5);
	pool_partial_discard(other, &second);
}

static void names_that_are_no_ids_are_refused(void **state)
{
	static const char *const rows[] = { "",	   ".",	  "..",	 ".hidden",
					    "a/b", "a b", "a\n", "\xc3\xa4" };
	struct pool_fixture *f = *state;
	struct pool_partial pp;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_error(f, pool_partial_open(f->pool, rows[i], &pp, &f->err),
			     NF_E_USAGE, "cannot name");
}

static void a_kept_download_becomes_the_entry_itself(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FD int fd = -1;
	struct pool_partial pp;
	struct nf_narinfo ni;
	struct stat before, after;
	struct made m;
	AUTO_BUF struct buf file;

	made_init(&m, f, "main", "hello", NULL);
	made_encode(&m, 7, &file);
	open_partial(f, "id", &pp);
	assert_ok(f, pool_partial_set_etag(f->pool, &pp, "x", &f->err));
	write_partial(f, &pp, file.ptr, file.len);
	assert_int_equal(fstat(pp.fd, &before), 0);
	assert_ok(f, pool_ingest_partial(f->pool, &m.trusted, CODEC_ZSTD, &pp, POOL_KEEP,
					 &f->err));
	assert_int_equal(pp.fd, -1);
	assert_null(pp.name);
	assert_null(pp.etag);
	assert_ok(f, pool_flush(f->pool, &f->err));
	pool_fixture_find(f, &m, &ni);
	assert_int_equal(ni.level, 0);
	assert_int_equal(ni.file_size, file.len);
	assert_ok(f, pool_check_entry(f->pool, &ni, &f->err));
	assert_ok(f, pool_open_nar(f->pool, &ni, &fd, &f->err));
	assert_int_equal(fstat(fd, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(pool_fixture_count(f, "tmp"), 0);
	nf_narinfo_release(&ni);
	made_release(&m);
}

static void an_encoded_download_is_gone_once_the_entry_is_there(void **state)
{
	struct pool_fixture *f = *state;
	struct pool_partial pp;
	struct nf_narinfo ni;
	struct made m;

	made_init(&m, f, "main", "hello", NULL);
	open_partial(f, "id", &pp);
	assert_ok(f, pool_partial_set_etag(f->pool, &pp, "x", &f->err));
	write_partial(f, &pp, m.nar.ptr, m.nar.len);
	assert_ok(f,
		  pool_ingest_partial(f->pool, &m.trusted, CODEC_NONE, &pp, 3, &f->err));
	assert_int_equal(pp.fd, -1);
	assert_ok(f, pool_flush(f->pool, &f->err));
	pool_fixture_find(f, &m, &ni);
	assert_int_equal(ni.level, 3);
	assert_int_equal(pool_fixture_count(f, "tmp"), 0);
	nf_narinfo_release(&ni);
	made_release(&m);
}

static void after_a_failure_the_caller_decides(void **state)
{
	static const int levels[] = { POOL_KEEP, 3 };
	struct pool_fixture *f = *state;
	struct pool_partial pp;
	struct nf_narinfo ni;
	struct made m;

	made_init(&m, f, "main", "hello", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		open_partial(f, "id", &pp);
		write_partial(f, &pp, m.nar.ptr, m.nar.len - 8);
		assert_true(pool_ingest_partial(f->pool, &m.trusted, CODEC_NONE, &pp,
						levels[i], &f->err) < 0);
		assert_true(pp.fd >= 0);
		assert_int_equal(pool_fixture_count(f, "tmp"), 1);
		/* The rest comes after all. */
		write_partial(f, &pp, m.nar.ptr + m.nar.len - 8, 8);
		assert_ok(f, pool_ingest_partial(f->pool, &m.trusted, CODEC_NONE, &pp,
						 levels[i], &f->err));
		assert_ok(f, pool_flush(f->pool, &f->err));
		pool_fixture_find(f, &m, &ni);
		nf_narinfo_release(&ni);
		assert_int_equal(pool_fixture_count(f, "tmp"), 0);
	}
	made_release(&m);
}

/* The narinfo cannot be renamed over a directory. */
static void what_could_not_be_committed_stays(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *blocked = NULL;
	struct pool_partial pp;
	struct made m;

	made_init(&m, f, "main", "hello", NULL);
	blocked = pool_fixture_path(f, "%.32s.narinfo", m.info.path.base);
	assert_int_equal(mkdir(blocked, 0755), 0);
	open_partial(f, "id", &pp);
	write_partial(f, &pp, m.nar.ptr, m.nar.len);
	assert_ok(f,
		  pool_ingest_partial(f->pool, &m.trusted, CODEC_NONE, &pp, 3, &f->err));
	assert_error(f, pool_flush(f->pool, &f->err), NF_E_SYS, m.info.path.base);
	assert_ok(f, pool_flush(f->pool, &f->err));
	open_partial(f, "id", &pp);
	assert_int_equal(pp.size, m.nar.len);
	pool_partial_discard(f->pool, &pp);
	made_release(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(a_later_run_goes_on_where_one_stopped),
		FIXTURE_TEST(a_kill_leaves_what_was_written),
		FIXTURE_TEST(a_restart_forgets_bytes_and_etag),
		FIXTURE_TEST(an_etag_without_bytes_or_with_controls_counts_for_nothing),
		FIXTURE_TEST(who_comes_second_gets_one_of_his_own),
		FIXTURE_TEST(names_that_are_no_ids_are_refused),
		FIXTURE_TEST(a_kept_download_becomes_the_entry_itself),
		FIXTURE_TEST(an_encoded_download_is_gone_once_the_entry_is_there),
		FIXTURE_TEST(after_a_failure_the_caller_decides),
		FIXTURE_TEST(what_could_not_be_committed_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
