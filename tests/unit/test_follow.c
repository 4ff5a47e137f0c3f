#include "fetch/follow.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/stream.h"
#include "temp_dir.h"

#define SIZE	(3 * MIB + 123)
#define SOON_US 20000

/* A file that grows, and its reader. */
struct follow_fixture {
	struct temp_dir *dir;
	int fd;
	char *bytes;
	struct follow *follow;
	pthread_t reader;
	/* The reader's, until it is joined. */
	struct buf got;
	int rc;
	struct nf_err err;
};

static int setup(void **state)
{
	struct follow_fixture *f = mem_calloc(1, sizeof(*f));

	temp_dir_setup((void **)&f->dir);
	f->fd = openat(f->dir->fd, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(f->fd >= 0);
	f->bytes = mem_alloc(SIZE);
	for (size_t i = 0; i < SIZE; i++)
		f->bytes[i] = (char)(i * 2654435761U >> 24);
	buf_init(&f->got, 2 * SIZE);
	f->follow = follow_new(f->fd);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct follow_fixture *f = *state;

	follow_free(f->follow);
	close(f->fd);
	free(f->bytes);
	buf_release(&f->got);
	temp_dir_teardown((void **)&f->dir);
	free(f);
	return 0;
}

static void *read_all(void *ctx)
{
	struct follow_fixture *f = ctx;
	AUTO(source_closep) struct nf_source *s = follow_source(f->follow);
	struct buf_sink sink;

	buf_sink_init(&sink, &f->got);
	f->rc = source_copy(s, &sink.sink, &f->err);
	return NULL;
}

static void start_reader(struct follow_fixture *f)
{
	assert_int_equal(pthread_create(&f->reader, NULL, read_all, f), 0);
}

static void join(struct follow_fixture *f)
{
	assert_int_equal(pthread_join(f->reader, NULL), 0);
}

static void write_to(struct follow_fixture *f, size_t from, size_t end)
{
	assert_int_equal(
		file_pwrite_all(f->fd, f->bytes + from, end - from, from, "file", NULL),
		0);
}

static void expect_bytes(const struct follow_fixture *f, size_t len)
{
	assert_int_equal(f->got.len, len);
	assert_true(!len || !memcmp(f->got.ptr, f->bytes, len));
}

static void reader_gets_only_bytes_that_have_arrived(void **state)
{
	static const size_t steps[] = {
		0,	     1,	      300 * KIB,     300 * KIB + 1,
		MIB,	     2 * MIB, 2 * MIB + 100, 3 * MIB,
		3 * MIB + 5, SIZE
	};
	struct follow_fixture *f = *state;

	start_reader(f);
	for (size_t i = 1; i < ARRAY_SIZE(steps); i++) {
		write_to(f, steps[i - 1], steps[i]);
		follow_advance(f->follow, steps[i]);
		if (i % 3 == 0)
			usleep(SOON_US);
	}
	/* All bytes are present, but it is not yet known that these are all. */
	assert_int_equal(pthread_tryjoin_np(f->reader, NULL), EBUSY);
	follow_whole(f->follow);
	join(f);
	assert_int_equal(f->rc, 0);
	expect_bytes(f, SIZE);
}

static void unreported_bytes_are_not_used(void **state)
{
	struct follow_fixture *f = *state;

	/* A later piece is there before the one that it follows. */
	write_to(f, 2 * MIB, SIZE);
	write_to(f, 0, MIB);
	follow_advance(f->follow, MIB);
	start_reader(f);
	usleep(SOON_US);
	write_to(f, MIB, 2 * MIB);
	follow_whole(f->follow);
	join(f);
	assert_int_equal(f->rc, 0);
	expect_bytes(f, SIZE);
}

static void empty_complete_file_ends_at_once(void **state)
{
	struct follow_fixture *f = *state;

	follow_whole(f->follow);
	start_reader(f);
	join(f);
	assert_int_equal(f->rc, 0);
	expect_bytes(f, 0);
}

static void waiting_reader_fails_when_the_download_breaks(void **state)
{
	struct follow_fixture *f = *state;

	write_to(f, 0, MIB);
	follow_advance(f->follow, MIB);
	start_reader(f);
	usleep(SOON_US);
	follow_break(f->follow);
	join(f);
	assert_int_equal(f->rc, -NF_E_NET);
	assert_string_equal(f->err.text, "the rest of the file does not arrive");
	expect_bytes(f, MIB);
}

static void broken_files_are_not_read(void **state)
{
	struct follow_fixture *f = *state;

	write_to(f, 0, MIB);
	follow_advance(f->follow, MIB);
	follow_break(f->follow);
	start_reader(f);
	join(f);
	assert_int_equal(f->rc, -NF_E_NET);
	expect_bytes(f, 0);
}

static void missing_bytes_are_an_error(void **state)
{
	struct follow_fixture *f = *state;

	write_to(f, 0, MIB);
	follow_advance(f->follow, 2 * MIB);
	start_reader(f);
	join(f);
	assert_int_equal(f->rc, -NF_E_FORMAT);
	expect_bytes(f, MIB);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reader_gets_only_bytes_that_have_arrived),
		TEST(unreported_bytes_are_not_used),
		TEST(empty_complete_file_ends_at_once),
		TEST(waiting_reader_fails_when_the_download_breaks),
		TEST(broken_files_are_not_read),
		TEST(missing_bytes_are_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
