#include "base/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"

static int temp_file(const char *text)
{
	char name[] = "/tmp/stream-XXXXXX";
	int fd = mkstemp(name);

	unlink(name);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

static void a_range_of_a_file_is_read_exactly(void **state)
{
	AUTO_FD int fd = temp_file("0123456789");
	AUTO(source_closep) struct nf_source *s = nf_source_of_fd_range(fd, 2, 5);
	AUTO_BUF struct buf out = { 0 };
	struct buf_sink sink;
	struct nf_err err;

	(void)state;
	buf_init(&out, 100);
	buf_sink_init(&sink, &out);
	assert_int_equal(source_copy(s, &sink.sink, &err), 0);
	assert_string_equal(out.ptr, "23456");
}

static void a_file_that_ends_within_the_range_is_truncated(void **state)
{
	AUTO_FD int fd = temp_file("0123456789");
	AUTO(source_closep) struct nf_source *s = nf_source_of_fd_range(fd, 2, 20);
	struct nf_err err;

	(void)state;
	assert_int_equal(source_drain(s, &err), -NF_E_FORMAT);
	assert_string_equal(err.text, "truncated: 12 bytes are missing");
}

static void a_range_without_a_size_goes_to_the_end(void **state)
{
	size_t size = 600000;
	AUTO_FREE char *bytes = calloc(1, size);
	AUTO_FD int fd = temp_file("");
	AUTO(source_closep)
	struct nf_source *s = nf_source_of_fd_range(fd, 3, UINT64_MAX);
	AUTO_BUF struct buf out = { 0 };
	struct buf_sink sink;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < size; i++)
		bytes[i] = (char)(i * 7 + i / 1000);
	assert_int_equal(pwrite(fd, bytes, size, 0), size);
	buf_init(&out, size);
	buf_sink_init(&sink, &out);
	assert_int_equal(source_copy(s, &sink.sink, &err), 0);
	assert_int_equal(out.len, size - 3);
	assert_memory_equal(out.ptr, bytes + 3, out.len);
}

static void read_errors_give_the_reason(void **state)
{
	AUTO_FD int fd = open("/", O_RDONLY | O_DIRECTORY);
	AUTO(source_closep) struct nf_source *range = nf_source_of_fd_range(fd, 0, 10);
	AUTO(source_closep) struct nf_source *stream = nf_source_of_fd(fd);
	struct nf_err err;

	(void)state;
	assert_int_equal(source_drain(range, &err), -NF_E_SYS);
	assert_string_equal(err.text, "cannot read: Is a directory");
	assert_int_equal(source_drain(stream, &err), -NF_E_SYS);
	assert_int_equal(err.sys_errno, EISDIR);
}

static void nothing_is_an_empty_source(void **state)
{
	AUTO(source_closep) struct nf_source *s = nf_source_of_memory(NULL, 0);
	struct nf_slice run;
	struct nf_err err;

	(void)state;
	assert_int_equal(source_next(s, &run, &err), 0);
	assert_int_equal(run.len, 0);
}

static int full(struct nf_sink *s, const void *p, size_t len, struct nf_err *err)
{
	(void)s;
	(void)p;
	(void)len;
	return err_set(err, NF_E_NOSPACE, "disk full");
}

static void an_error_of_a_sink_ends_the_copy(void **state)
{
	AUTO(source_closep) struct nf_source *copied = source_of_memory("abc", 3, 1);
	AUTO(source_closep) struct nf_source *tee = NULL;
	struct nf_sink sink = { .write = full };
	struct nf_err err;

	(void)state;
	assert_int_equal(source_copy(copied, &sink, &err), -NF_E_NOSPACE);
	assert_string_equal(err.text, "disk full");
	tee = source_tee(source_of_memory("abc", 3, 1), &sink);
	assert_int_equal(source_drain(tee, &err), -NF_E_NOSPACE);
}

static void a_pipe_is_read_to_its_end(void **state)
{
	AUTO_BUF struct buf out = { 0 };
	struct nf_source *s;
	struct buf_sink sink;
	struct nf_err err;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "pipe", 4), 4);
	close(fds[1]);
	buf_init(&out, 100);
	buf_sink_init(&sink, &out);
	s = nf_source_of_fd(fds[0]);
	assert_int_equal(source_copy(s, &sink.sink, &err), 0);
	source_close(s);
	close(fds[0]);
	assert_string_equal(out.ptr, "pipe");
}

static void exact_size_is_enforced(void **state)
{
	static const struct {
		size_t len;
		int rc;
		const char *error;
	} rows[] = {
		{ 10, 0, "" },
		{ 9, -NF_E_HASH, "NAR is 9 bytes long, not the promised 10" },
		{ 11, -NF_E_HASH, "NAR exceeds the promised 10 bytes" },
		{ 1, -NF_E_HASH, "NAR is 1 byte long, not the promised 10" },
		{ 0, -NF_E_HASH, "NAR is 0 bytes long, not the promised 10" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (size_t chunk = 0; chunk < 4; chunk++) {
			AUTO(source_closep)
			struct nf_source *s = source_sized(
				source_of_memory("01234567890", rows[i].len, chunk), 10,
				"NAR");
			struct nf_err err = { 0 };

			assert_int_equal(source_drain(s, &err), rows[i].rc);
			assert_string_equal(err.text, rows[i].error);
		}
	}
}

static void tee_writes_everything_that_passes(void **state)
{
	AUTO(xxh3_freep) struct xxh3 *xxh3 = xxh3_new();
	AUTO_FD int fd = temp_file("");
	AUTO(source_closep) struct nf_source *s = NULL;
	struct nf_hash written, expected;
	struct fd_sink sink;
	struct nf_err err;

	(void)state;
	fd_sink_init(&sink, fd, hasher_new(NF_SHA256), xxh3);
	s = source_tee(source_of_memory("hello\n", 6, 4), &sink.sink);
	assert_int_equal(source_drain(s, &err), 0);
	hasher_final(sink.hasher, &written);
	hash_bytes(&expected, NF_SHA256, "hello\n", 6);
	assert_true(nf_hash_eq(&written, &expected));
	assert_int_equal(sink.written, 6);
	hasher_free(sink.hasher);
}

static void memory_sink_enforces_its_limit(void **state)
{
	AUTO(source_closep) struct nf_source *s = source_of_memory("0123456789", 10, 3);
	AUTO_BUF struct buf out = { 0 };
	struct buf_sink sink;
	struct nf_err err;

	(void)state;
	buf_init(&out, 8);
	buf_sink_init(&sink, &out);
	assert_int_equal(source_copy(s, &sink.sink, &err), -NF_E_LIMIT);
	assert_string_equal(err.text, "more than 8 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_range_of_a_file_is_read_exactly),
		cmocka_unit_test(a_file_that_ends_within_the_range_is_truncated),
		cmocka_unit_test(a_range_without_a_size_goes_to_the_end),
		cmocka_unit_test(read_errors_give_the_reason),
		cmocka_unit_test(nothing_is_an_empty_source),
		cmocka_unit_test(an_error_of_a_sink_ends_the_copy),
		cmocka_unit_test(a_pipe_is_read_to_its_end),
		cmocka_unit_test(exact_size_is_enforced),
		cmocka_unit_test(tee_writes_everything_that_passes),
		cmocka_unit_test(memory_sink_enforces_its_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
