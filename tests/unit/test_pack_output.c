#include "pool/pack_output.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "expect.h"
#include "temp_dir.h"

static void names_of_standard_output_are_known(void **state)
{
	(void)state;
	assert_true(pack_output_is_stdout("-"));
	assert_true(pack_output_is_stdout("/dev/stdout"));
	assert_true(pack_output_is_stdout("/dev/fd/1"));
	assert_true(pack_output_is_stdout("/proc/self/fd/1"));
	assert_false(pack_output_is_stdout("/dev/fd/11"));
	assert_false(pack_output_is_stdout("/dev/fd/01"));
	assert_false(pack_output_is_stdout("./-"));
	assert_false(pack_output_is_stdout("/dev/stderr"));
}

static void streams_and_devices_are_not_output_files(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_FREE char *file = temp_dir_join(t, "file");
	AUTO_FREE char *fifo = temp_dir_join(t, "fifo");

	assert_true(pack_output_is_file(file));
	temp_dir_write(t, "file", "x");
	assert_true(pack_output_is_file(file));
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_false(pack_output_is_file(fifo));
	assert_false(pack_output_is_file("/dev/null"));
	assert_false(pack_output_is_file("-"));
	assert_false(pack_output_is_file("/dev/fd/7"));
	assert_false(pack_output_is_file(t->path));
}

/* Each name is below the test's directory. */
static void unwritable_targets_are_refused_at_once(void **state)
{
	const struct temp_dir *t = *state;
	static const struct {
		const char *name, *want;
	} rows[] = {
		{ "dir", "is a directory" },	    { "dir/", "is a directory" },
		{ "new/", "does not name a file" }, { "none/x", "does not exist" },
		{ "file/x", "is not a directory" },
	};

	temp_dir_mkdir(t, "dir");
	temp_dir_write(t, "file", "x");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (int read_only = 0; read_only < 2; read_only++) {
			AUTO_FREE char *name = temp_dir_join(t, rows[i].name);
			struct nf_err err = { 0 };

			assert_int_equal(pack_output_check(name, read_only, &err),
					 -NF_E_USAGE);
			if (!strstr(err.text, rows[i].want))
				fail_msg("%s: %s", rows[i].name, err.text);
		}
	}
	assert_int_equal(pack_output_check("", false, NULL), -NF_E_USAGE);
}

static void descriptors_must_be_open_for_writing(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char name[32];
	struct nf_err err;

	(void)state;
	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	assert_int_equal(pack_output_check(name, false, &err), -NF_E_USAGE);
	close(fd);
	assert_int_equal(pack_output_check(name, false, &err), -NF_E_USAGE);
	fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	assert_int_equal(pack_output_check(name, false, &err), 0);
	close(fd);
}

/* A check makes nothing that stays, and changes nothing that is there. */
static void a_check_leaves_nothing(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_FREE char *name = temp_dir_join(t, "bundle");
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *files = NULL;

	assert_int_equal(pack_output_check(name, false, NULL), 0);
	assert_false(temp_dir_has(t, "bundle"));
	temp_dir_write(t, "bundle", "old");
	assert_int_equal(pack_output_check(name, false, NULL), 0);
	text = temp_dir_read(t, "bundle");
	assert_string_equal(text, "old");
	files = temp_dir_run(NULL, "ls -A %s", t->path);
	assert_string_equal(files, "bundle\n");
}

/* Writes "new", and fails if CTX says so. */
static int write_new(void *ctx, int fd, const char *name, struct nf_err *err)
{
	const int *fails = ctx;

	assert_int_equal(write(fd, "new", 3), 3);
	return *fails ? err_set(err, NF_E_SYS, "%s: failed", name) : 0;
}

static void file_is_replaced_once_complete(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_FREE char *name = temp_dir_join(t, "bundle");
	AUTO_FREE char *before = NULL, *after = NULL, *files = NULL;
	struct nf_err err;
	int fails = 1;

	temp_dir_write(t, "bundle", "old");
	assert_int_equal(pack_output_write(name, write_new, &fails, &err), -NF_E_SYS);
	before = temp_dir_read(t, "bundle");
	assert_string_equal(before, "old");
	fails = 0;
	assert_int_equal(pack_output_write(name, write_new, &fails, &err), 0);
	after = temp_dir_read(t, "bundle");
	assert_string_equal(after, "new");
	files = temp_dir_run(NULL, "ls -A %s", t->path);
	assert_string_equal(files, "bundle\n");
}

/* The link, not what it points to. */
static void a_link_is_replaced(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_FREE char *link = temp_dir_join(t, "link");
	AUTO_FREE char *target = NULL, *text = NULL;
	struct nf_err err;
	int fails = 0;

	temp_dir_write(t, "target", "precious");
	assert_int_equal(symlinkat("target", t->fd, "link"), 0);
	assert_int_equal(pack_output_write(link, write_new, &fails, &err), 0);
	target = temp_dir_read(t, "target");
	assert_string_equal(target, "precious");
	text = temp_dir_read(t, "link");
	assert_string_equal(text, "new");
	assert_true(S_ISREG(temp_dir_stat(t, "link").st_mode));
}

static void pipe_receives_the_bytes(void **state)
{
	int fds[2], fails = 0;
	char name[32], got[8] = "";
	struct nf_err err;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	snprintf(name, sizeof(name), "/dev/fd/%d", fds[1]);
	assert_int_equal(pack_output_write(name, write_new, &fails, &err), 0);
	assert_int_equal(read(fds[0], got, sizeof(got) - 1), 3);
	assert_string_equal(got, "new");
	/* It is the caller's, and still open. */
	assert_int_equal(write(fds[1], "x", 1), 1);
	close(fds[0]);
	close(fds[1]);
}

#define DIR_TEST(test)                                                                   \
	cmocka_unit_test_setup_teardown(test, temp_dir_setup, temp_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_standard_output_are_known),
		DIR_TEST(streams_and_devices_are_not_output_files),
		DIR_TEST(unwritable_targets_are_refused_at_once),
		cmocka_unit_test(descriptors_must_be_open_for_writing),
		DIR_TEST(a_check_leaves_nothing),
		DIR_TEST(file_is_replaced_once_complete),
		DIR_TEST(a_link_is_replaced),
		cmocka_unit_test(pipe_receives_the_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
