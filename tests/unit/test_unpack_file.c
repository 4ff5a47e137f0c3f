#include "store/unpack_file.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "temp_dir.h"

#define LARGEST (4 * MIB)

/* Bytes that encode their own offset. */
static char *make_bytes(size_t len)
{
	char *p = mem_alloc(len);

	for (size_t i = 0; i < len; i++)
		p[i] = (char)(i * 2654435761U >> 24);
	return p;
}

static int write_all(struct unpack_file *f, const char *bytes, size_t len, size_t chunk,
		     struct nf_err *err)
{
	int rc = 0;

	for (size_t at = 0; !rc && at < len; at += chunk)
		rc = unpack_file_write(f,
				       (struct nf_slice){ bytes + at, len - at < chunk
									      ? len - at
									      : chunk },
				       err);
	return rc ? rc : unpack_file_finish(f, err);
}

static void assert_holds(const struct temp_dir *t, const char *name, const char *bytes,
			 size_t len)
{
	AUTO_BUF struct buf got = { 0 };

	buf_init(&got, 2 * LARGEST);
	assert_int_equal(file_read_at(t->fd, name, &got, NULL), 0);
	assert_int_equal(got.len, len);
	assert_true(!len || !memcmp(got.ptr, bytes, len));
}

static void every_byte_arrives_whatever_the_size(void **state)
{
	static const struct {
		size_t len, hint, chunk;
	} rows[] = {
		{ 0, 0, 1 },
		{ 5, 5, 1 },
		{ 300 * KIB, 300 * KIB, 4096 },
		{ MIB - 1, MIB - 1, 65536 },
		{ MIB, MIB, 65536 },
		{ MIB + 1, MIB + 1, 1000 },
		{ MIB + 4096, MIB + 4096, 131072 },
		{ 3 * MIB - 4097, 3 * MIB - 4097, 131071 },
		{ LARGEST, LARGEST, LARGEST },
		/* A size that is not true changes nothing. */
		{ 2 * MIB + 7, 10, 65536 },
		{ 100, LARGEST, 100 },
		{ 0, LARGEST, 1 },
	};
	const struct temp_dir *t = *state;
	AUTO_FREE char *bytes = make_bytes(LARGEST);
	struct unpack_file f = UNPACK_FILE_INIT;

	/* One after the other with what the one before left. */
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *name = mem_printf("%zu", i);

		assert_int_equal(
			unpack_file_open(&f, t->fd, name, 0444, 0, rows[i].hint, NULL),
			0);
		assert_int_equal(write_all(&f, bytes, rows[i].len, rows[i].chunk, NULL),
				 0);
		assert_int_equal(f.fd, -1);
		assert_holds(t, name, bytes, rows[i].len);
		assert_int_equal(temp_dir_stat(t, name).st_mtim.tv_sec, 1);
		assert_int_equal(temp_dir_stat(t, name).st_mode, S_IFREG | 0444);
	}
	unpack_file_release(&f);
}

static void set_limit(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Where the limit cuts a block, what comes before it arrives. */
static void write_errors_are_reported(void **state)
{
	static const size_t limits[] = { 0, 100, MIB, MIB + 512, 2 * MIB + 4096 };
	const struct temp_dir *t = *state;
	AUTO_FREE char *bytes = make_bytes(LARGEST);
	struct unpack_file f = UNPACK_FILE_INIT;
	struct nf_err err;

	signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		AUTO_FREE char *name = mem_printf("%zu", i);
		AUTO_FREE char *text =
			mem_printf("cannot write '%s': File too large", name);
		int rc;

		assert_int_equal(
			unpack_file_open(&f, t->fd, name, 0444, 0, LARGEST, NULL), 0);
		set_limit(limits[i]);
		rc = write_all(&f, bytes, LARGEST, 65536, &err);
		set_limit(RLIM_INFINITY);
		assert_int_equal(rc, -NF_E_SYS);
		assert_string_equal(err.text, text);
		unpack_file_release(&f);
		assert_holds(t, name, bytes, limits[i]);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, temp_dir_setup, temp_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_byte_arrives_whatever_the_size),
		TEST(write_errors_are_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
