#include "pool_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "pool/pool_private.h"

#define URL "http://cache/nar/1.nar"

static uint64_t size_of(const struct pool_partial *pp)
{
	return byte_ranges_total(&pp->state.ranges);
}

static struct nf_source *partial_source(const struct pool_partial *pp)
{
	return nf_source_of_fd_range(pp->fd, 0, UINT64_MAX);
}

static void open_partial(struct pool_fixture *f, const char *id, struct pool_partial *pp)
{
	assert_ok(f, pool_partial_open(f->pool, id, pp, &f->err));
}

static void write_partial(struct pool_fixture *f, struct pool_partial *pp, const void *p,
			  size_t len)
{
	uint64_t end = byte_ranges_end(&pp->state.ranges);

	assert_ok(f, pool_partial_write(f->pool, pp, end, p, len, &f->err));
}

#define PATH_A "sgii4f5h9d2lym14f3av1r80w53l9k82-a"
#define PATH_B "xp0dpr9yz5h0fk5c5lpj7zzqjbdh3w8c-b"

static bool is_path_a(void *ctx, const struct nf_storepath *path)
{
	(void)ctx;
	return !strcmp(path->base, PATH_A);
}

static void leave_partial_of(struct pool_fixture *f, const char *id, const char *base)
{
	struct pool_partial pp;
	struct nf_storepath path;

	assert_int_equal(nf_storepath_parse_base(&path, nf_slice_str(base), NULL), 0);
	open_partial(f, id, &pp);
	pool_partial_set_path(&pp, &path);
	write_partial(f, &pp, "12345", 5);
	pool_partial_keep(f->pool, &pp);
}

static void useless_partials_are_swept(void **state)
{
	struct pool_fixture *f = *state;
	struct pool_partial busy;

	leave_partial_of(f, "there", PATH_A);
	leave_partial_of(f, "wanted", PATH_B);
	leave_partial_of(f, "busy", PATH_A);
	open_partial(f, "busy", &busy);
	leave_partial_of(f, "gone", PATH_B);
	assert_int_equal(unlinkat(f->pool->tmp_fd, "gone.part", 0), 0);

	pool_partial_sweep(f->pool, is_path_a, NULL);
	assert_int_equal(faccessat(f->pool->tmp_fd, "there.part", F_OK, 0), -1);
	assert_int_equal(faccessat(f->pool->tmp_fd, "there.state", F_OK, 0), -1);
	assert_int_equal(faccessat(f->pool->tmp_fd, "gone.state", F_OK, 0), -1);
	assert_int_equal(faccessat(f->pool->tmp_fd, "wanted.part", F_OK, 0), 0);
	assert_int_equal(faccessat(f->pool->tmp_fd, "busy.part", F_OK, 0), 0);
	pool_partial_discard(f->pool, &busy);
	assert_int_equal(pool_partial_remove(f->pool, "wanted"), 5);
	assert_int_equal(pool_fixture_count(f, "tmp"), 0);
}

static void age_days(struct pool_fixture *f, const char *name, int days)
{
	const struct timespec then = { .tv_sec = time(NULL) - days * 24 * 3600 - 60 };
	const struct timespec times[] = { then, then };

	assert_int_equal(utimensat(f->pool->tmp_fd, name, times, 0), 0);
}

/* Left by a killed run, which did not close it. */
static void leave_killed(struct pool_fixture *f, const char *id, const char *base,
			 size_t len)
{
	AUTO_FREE char *bytes = mem_calloc(1, len);
	struct pool_partial pp;
	struct nf_storepath path;

	assert_int_equal(nf_storepath_parse_base(&path, nf_slice_str(base), NULL), 0);
	open_partial(f, id, &pp);
	pool_partial_set_path(&pp, &path);
	for (size_t at = 0; at < len; at += 1000)
		write_partial(f, &pp, bytes, len - at < 1000 ? len - at : 1000);
	close(pp.fd);
	free(pp.name);
	partial_state_release(&pp.state);
}

static void kill_leaves_a_state_file_for_a_large_download(void **state)
{
	struct pool_fixture *f = *state;

	leave_killed(f, "there", PATH_A, MIB + 5000);
	leave_killed(f, "wanted", PATH_B, MIB + 5000);
	leave_killed(f, "small", PATH_A, 5000);
	pool_partial_sweep(f->pool, is_path_a, NULL);
	assert_int_equal(faccessat(f->pool->tmp_fd, "there.part", F_OK, 0), -1);
	assert_int_equal(faccessat(f->pool->tmp_fd, "wanted.part", F_OK, 0), 0);
	assert_int_equal(faccessat(f->pool->tmp_fd, "small.part", F_OK, 0), 0);
	assert_int_equal(pool_partial_remove(f->pool, "wanted"), MIB + 5000);
	assert_int_equal(pool_partial_remove(f->pool, "small"), 5000);
	assert_int_equal(pool_fixture_count(f, "tmp"), 0);
}

static void abandoned_partials_are_removed_by_age(void **state)
{
	static const struct {
		const char *id;
		int days;
		bool noted;
		bool goes;
	} rows[] = {
		{ "new-small", 0, false, false }, { "old-small", 1, false, true },
		{ "noted", 1, true, false },	  { "noted-29", 29, true, false },
		{ "noted-30", 30, true, true },
	};
	struct pool_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *part = mem_printf("%s.part", rows[i].id);

		if (rows[i].noted)
			leave_partial_of(f, rows[i].id, PATH_B);
		else
			leave_killed(f, rows[i].id, PATH_B, 5);
		age_days(f, part, rows[i].days);
	}
	pool_partial_sweep(f->pool, is_path_a, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(pool_partial_remove(f->pool, rows[i].id),
				 rows[i].goes ? 0 : 5);
}

static void later_run_resumes(void **state)
{
	struct pool_fixture *f = *state;
	struct pool_partial pp;

	open_partial(f, "id", &pp);
	assert_int_equal(size_of(&pp), 0);
	assert_null(partial_state_etag(&pp.state, URL));
	assert_ok(f, pool_partial_set_etag(f->pool, &pp, URL, "\"v1\"", &f->err));
	write_partial(f, &pp, "12345", 5);
	pool_partial_keep(f->pool, &pp);
	assert_int_equal(pp.fd, -1);

	pool_fixture_reopen(f);
	open_partial(f, "id", &pp);
	assert_int_equal(size_of(&pp), 5);
	assert_string_equal(partial_state_etag(&pp.state, URL), "\"v1\"");
	write_partial(f, &pp, "678", 3);
	pool_partial_keep(f->pool, &pp);

	open_partial(f, "id", &pp);
	assert_int_equal(size_of(&pp), 8);
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
	assert_int_equal(size_of(&pp), 3);
	pool_partial_discard(f->pool, &pp);
}

static void a_restart_forgets_bytes_and_etag(void **state)
{
	struct pool_fixture *f = *state;
	struct pool_partial pp;

	open_partial(f, "id", &pp);
	assert_ok(f, pool_partial_set_etag(f->pool, &pp, URL, "x", &f->err));
	write_partial(f, &pp, "12345", 5);
	assert_ok(f, pool_partial_restart(f->pool, &pp, &f->err));
	assert_int_equal(size_of(&pp), 0);
	assert_null(partial_state_etag(&pp.state, URL));
	write_partial(f, &pp, "ab", 2);
	pool_partial_keep(f->pool, &pp);
	open_partial(f, "id", &pp);
	assert_int_equal(size_of(&pp), 2);
	assert_null(partial_state_etag(&pp.state, URL));
	pool_partial_discard(f->pool, &pp);
}

static void empty_etag_or_one_with_controls_is_ignored(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *note = pool_fixture_path(f, "tmp/id.state");
	struct pool_partial pp;

	open_partial(f, "id", &pp);
	assert_ok(f, pool_partial_set_etag(f->pool, &pp, URL, "\"old\"", &f->err));
	pool_partial_keep(f->pool, &pp);
	open_partial(f, "id", &pp);
	assert_null(partial_state_etag(&pp.state, URL));
	write_partial(f, &pp, "1", 1);
	assert_ok(f, pool_partial_set_etag(f->pool, &pp, URL, "\"new\"", &f->err));
	assert_ok(f,
		  pool_partial_set_etag(f->pool, &pp, URL, "a\r\nHost: evil", &f->err));
	assert_null(partial_state_etag(&pp.state, URL));
	assert_int_equal(access(note, F_OK), -1);
	pool_partial_discard(f->pool, &pp);
}

static void bytes_written_in_any_order_are_kept(void **state)
{
	struct pool_fixture *f = *state;
	struct pool_partial pp;
	char text[13] = "";

	open_partial(f, "id", &pp);
	assert_ok(f, pool_partial_write(f->pool, &pp, 8, "89AB", 4, &f->err));
	assert_ok(f, pool_partial_write(f->pool, &pp, 0, "01", 2, &f->err));
	pool_partial_keep(f->pool, &pp);

	pool_fixture_reopen(f);
	open_partial(f, "id", &pp);
	assert_int_equal(size_of(&pp), 6);
	assert_false(byte_ranges_are_whole(&pp.state.ranges));
	assert_ok(f, pool_partial_write(f->pool, &pp, 2, "234567", 6, &f->err));
	assert_true(byte_ranges_are_whole(&pp.state.ranges));
	assert_int_equal(pread(pp.fd, text, 12, 0), 12);
	assert_string_equal(text, "0123456789AB");
	pool_partial_keep(f->pool, &pp);
	/* A file without holes needs no state. */
	assert_int_equal(pool_fixture_count(f, "tmp"), 1);
	open_partial(f, "id", &pp);
	assert_int_equal(size_of(&pp), 12);
	pool_partial_discard(f->pool, &pp);
	assert_int_equal(pool_fixture_count(f, "tmp"), 0);
}

/* Two that race for the same bytes. */
static void present_byte_is_not_overwritten(void **state)
{
	struct pool_fixture *f = *state;
	struct pool_partial pp;
	char text[11] = "";

	open_partial(f, "id", &pp);
	write_partial(f, &pp, "012", 3);
	assert_ok(f, pool_partial_write(f->pool, &pp, 6, "67", 2, &f->err));
	assert_ok(f, pool_partial_write(f->pool, &pp, 1, "xx345xx89", 9, &f->err));
	assert_int_equal(size_of(&pp), 10);
	assert_int_equal(pread(pp.fd, text, 10, 0), 10);
	assert_string_equal(text, "0123456789");
	pool_partial_discard(f->pool, &pp);
}

static void dropped_bytes_are_fetched_again(void **state)
{
	static const struct {
		uint64_t from, end, total;
		const char *why;
	} rows[] = {
		{ 3, 6, 7, "in the middle" }, { 8, UINT64_MAX, 8, "the end" },
		{ 0, 2, 8, "the beginning" }, { 0, UINT64_MAX, 0, "all" },
		{ 10, 20, 10, "nothing" },
	};
	struct pool_fixture *f = *state;
	struct pool_partial pp;
	char text[11] = "";

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		open_partial(f, "id", &pp);
		write_partial(f, &pp, "..........", 10);
		assert_ok(f, pool_partial_drop(f->pool, &pp, rows[i].from, rows[i].end,
					       &f->err));
		pool_partial_keep(f->pool, &pp);
		open_partial(f, "id", &pp);
		if (size_of(&pp) != rows[i].total)
			fail_msg("%s: %d are left", rows[i].why, (int)size_of(&pp));
		assert_ok(f,
			  pool_partial_write(f->pool, &pp, 0, "0123456789", 10, &f->err));
		assert_int_equal(pread(pp.fd, text, 10, 0), 10);
		for (uint64_t at = 0; at < 10; at++)
			assert_int_equal(text[at], at >= rows[i].from && at < rows[i].end
							   ? '0' + (int)at
							   : '.');
		pool_partial_discard(f->pool, &pp);
	}
}

static void write_holes_and_die(struct pool_fixture *f, size_t len)
{
	char *bytes = mem_calloc(1, len);
	struct pool_partial pp;

	if (pool_partial_open(f->pool, "id", &pp, NULL))
		_exit(1);
	for (uint64_t at = 0; at < 4; at++)
		if (pool_partial_write(f->pool, &pp, at * 2 * MIB, bytes, len, NULL))
			_exit(1);
	_exit(0);
}

/* Bytes count as present only if they are; several MiB may be fetched again. */
static void kill_loses_little_of_a_file_with_holes(void **state)
{
	static const size_t lens[] = { 1, 1000, 300 * KIB, MIB, MIB + 1 };
	struct pool_fixture *f = *state;
	struct pool_partial pp;
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		uint64_t written = 4 * lens[i];
		pid_t child = fork();

		if (child == 0)
			write_holes_and_die(f, lens[i]);
		assert_int_equal(waitpid(child, NULL, 0), child);
		open_partial(f, "id", &pp);
		assert_true(size_of(&pp) <= written);
		assert_true(size_of(&pp) + MIB > written);
		assert_true(byte_ranges_end(&pp.state.ranges) <= 6 * MIB + lens[i]);
		for (size_t r = 0; r < pp.state.ranges.len; r++)
			assert_int_equal(pp.state.ranges.list[r].from % (2 * MIB), 0);
		assert_int_equal(fstat(pp.fd, &st), 0);
		assert_int_equal(st.st_size, byte_ranges_end(&pp.state.ranges));
		pool_partial_discard(f->pool, &pp);
	}
}

/* It may be of another file, or from the future. */
static void state_never_exceeds_the_file(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *note = pool_fixture_path(f, "tmp/id.state");
	struct pool_partial pp;

	open_partial(f, "id", &pp);
	write_partial(f, &pp, "12345", 5);
	pool_partial_keep(f->pool, &pp);
	pool_fixture_write(note, "Run: 1-2\nRun: 4-100\nRun: 200-300\n");
	open_partial(f, "id", &pp);
	assert_int_equal(size_of(&pp), 2);
	pool_partial_discard(f->pool, &pp);
}

static void second_pool_opens_a_separate_partial(void **state)
{
	struct pool_fixture *f = *state;
	AUTO(pool_freep) struct pool *other = NULL;
	struct pool_partial first, second;

	assert_ok(f, pool_open(&other, f->dir, &f->err));
	open_partial(f, "id", &first);
	write_partial(f, &first, "12345", 5);
	assert_ok(f, pool_partial_open(other, "id", &second, &f->err));
	assert_int_equal(size_of(&second), 0);
	assert_string_not_equal(first.name, second.name);
	assert_ok(f, pool_partial_set_etag(other, &second, URL, "x", &f->err));
	assert_string_equal(partial_state_etag(&second.state, URL), "x");
	/* No run would look for it again. */
	pool_partial_keep(other, &second);
	assert_int_equal(pool_fixture_count(f, "tmp"), 1);
	pool_partial_keep(f->pool, &first);
	assert_ok(f, pool_partial_open(other, "id", &second, &f->err));
	assert_int_equal(size_of(&second), 5);
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
	AUTO_BUF struct buf file = { 0 };

	made_init(&m, f, "main", "hello", NULL);
	made_encode(&m, 7, &file);
	open_partial(f, "id", &pp);
	assert_ok(f, pool_partial_set_etag(f->pool, &pp, URL, "x", &f->err));
	write_partial(f, &pp, file.ptr, file.len);
	assert_int_equal(fstat(pp.fd, &before), 0);
	assert_ok(f,
		  pool_ingest_partial(f->pool,
				      &(struct pool_input){ .trusted = &m.trusted,
							    .codec = CODEC_ZSTD,
							    .source = partial_source(&pp),
							    .level = POOL_KEEP },
				      &pp, &f->err));
	assert_int_equal(pp.fd, -1);
	assert_null(pp.name);
	assert_null(partial_state_etag(&pp.state, URL));
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
	assert_ok(f, pool_partial_set_etag(f->pool, &pp, URL, "x", &f->err));
	write_partial(f, &pp, m.nar.ptr, m.nar.len);
	assert_ok(f,
		  pool_ingest_partial(f->pool,
				      &(struct pool_input){ .trusted = &m.trusted,
							    .codec = CODEC_NONE,
							    .source = partial_source(&pp),
							    .level = 3 },
				      &pp, &f->err));
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
		assert_true(pool_ingest_partial(
				    f->pool,
				    &(struct pool_input){ .trusted = &m.trusted,
							  .codec = CODEC_NONE,
							  .source = partial_source(&pp),
							  .level = levels[i] },
				    &pp, &f->err) < 0);
		assert_true(pp.fd >= 0);
		assert_int_equal(pool_fixture_count(f, "tmp"), 1);
		/* The rest comes after all. */
		write_partial(f, &pp, m.nar.ptr + m.nar.len - 8, 8);
		assert_ok(f, pool_ingest_partial(
				     f->pool,
				     &(struct pool_input){ .trusted = &m.trusted,
							   .codec = CODEC_NONE,
							   .source = partial_source(&pp),
							   .level = levels[i] },
				     &pp, &f->err));
		assert_ok(f, pool_flush(f->pool, &f->err));
		pool_fixture_find(f, &m, &ni);
		nf_narinfo_release(&ni);
		assert_int_equal(pool_fixture_count(f, "tmp"), 0);
	}
	made_release(&m);
}

/* The narinfo cannot be renamed over a directory. */
static void download_is_kept_if_its_commit_fails(void **state)
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
		  pool_ingest_partial(f->pool,
				      &(struct pool_input){ .trusted = &m.trusted,
							    .codec = CODEC_NONE,
							    .source = partial_source(&pp),
							    .level = 3 },
				      &pp, &f->err));
	assert_error(f, pool_flush(f->pool, &f->err), NF_E_SYS, m.info.path.base);
	assert_ok(f, pool_flush(f->pool, &f->err));
	open_partial(f, "id", &pp);
	assert_int_equal(size_of(&pp), m.nar.len);
	pool_partial_discard(f->pool, &pp);
	made_release(&m);
}

static void leftover_partial_is_removed_by_id(void **state)
{
	struct pool_fixture *f = *state;
	struct pool_partial pp, second;
	AUTO_FREE char *id = NULL;

	open_partial(f, "id", &pp);
	write_partial(f, &pp, "12345", 5);
	assert_ok(f, pool_partial_set_etag(f->pool, &pp, URL, "\"v1\"", &f->err));
	id = pool_partial_id(&pp);
	assert_string_equal(id, "id");
	/* Not while another process has it; the second one has no ID. */
	assert_int_equal(pool_partial_remove(f->pool, id), 0);
	open_partial(f, "id", &second);
	assert_null(pool_partial_id(&second));
	pool_partial_keep(f->pool, &second);
	pool_partial_keep(f->pool, &pp);
	assert_int_equal(pool_fixture_count(f, "tmp"), 2);
	assert_int_equal(pool_partial_remove(f->pool, id), 5);
	assert_int_equal(pool_fixture_count(f, "tmp"), 0);
	assert_int_equal(pool_partial_remove(f->pool, id), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(later_run_resumes),
		FIXTURE_TEST(useless_partials_are_swept),
		FIXTURE_TEST(kill_leaves_a_state_file_for_a_large_download),
		FIXTURE_TEST(abandoned_partials_are_removed_by_age),
		FIXTURE_TEST(a_kill_leaves_what_was_written),
		FIXTURE_TEST(a_restart_forgets_bytes_and_etag),
		FIXTURE_TEST(empty_etag_or_one_with_controls_is_ignored),
		FIXTURE_TEST(bytes_written_in_any_order_are_kept),
		FIXTURE_TEST(present_byte_is_not_overwritten),
		FIXTURE_TEST(dropped_bytes_are_fetched_again),
		FIXTURE_TEST(kill_loses_little_of_a_file_with_holes),
		FIXTURE_TEST(state_never_exceeds_the_file),
		FIXTURE_TEST(second_pool_opens_a_separate_partial),
		FIXTURE_TEST(names_that_are_no_ids_are_refused),
		FIXTURE_TEST(a_kept_download_becomes_the_entry_itself),
		FIXTURE_TEST(an_encoded_download_is_gone_once_the_entry_is_there),
		FIXTURE_TEST(after_a_failure_the_caller_decides),
		FIXTURE_TEST(download_is_kept_if_its_commit_fails),
		FIXTURE_TEST(leftover_partial_is_removed_by_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
