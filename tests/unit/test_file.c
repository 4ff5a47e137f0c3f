#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/atomic_file.h"
#include "base/cleanup.h"
#include "base/interrupt.h"

struct file_fixture {
	char dir[32];
	int fd;
};

static int make_dir(void **state)
{
	struct file_fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/file-XXXXXX");
	*state = f;
	if (!f || !mkdtemp(f->dir))
		return -1;
	f->fd = open(f->dir, O_RDONLY | O_DIRECTORY);
	return f->fd < 0 ? -1 : 0;
}

static int drop_dir(void **state)
{
	struct file_fixture *f = *state;
	int rc = file_remove_tree_at(AT_FDCWD, f->dir, NULL);

	close(f->fd);
	free(f);
	return rc;
}

static size_t count_entries(const struct file_fixture *f)
{
	DIR *dir = opendir(f->dir);
	size_t n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static void reading_enforces_its_limit_and_reports_absence(void **state)
{
	struct file_fixture *f = *state;
	AUTO_BUF struct buf text = { 0 };
	struct nf_err err;

	buf_init(&text, 3);
	assert_int_equal(file_read_at(f->fd, "none", &text, &err), -NF_E_MISSING);
	assert_string_equal(err.text, "'none' does not exist");
	assert_int_equal(file_replace_at(f->fd, "x", "four", 4, 0644, &err), 0);
	assert_int_equal(file_read_at(f->fd, "x", &text, &err), -NF_E_LIMIT);
	assert_string_equal(err.text, "'x' is larger than 3 bytes");
}

static void a_short_file_is_truncated(void **state)
{
	struct file_fixture *f = *state;
	AUTO_FD int fd = -1;
	struct nf_err err;
	char part[8];

	assert_int_equal(file_replace_at(f->fd, "x", "1234", 4, 0644, &err), 0);
	fd = openat(f->fd, "x", O_RDONLY);
	assert_int_equal(file_pread_all(fd, part, 4, 0, "x", &err), 0);
	assert_int_equal(file_pread_all(fd, part, 4, 1, "x", &err), -NF_E_FORMAT);
	assert_string_equal(err.text, "'x' is truncated");
}

static void a_tree_is_removed_without_following_links(void **state)
{
	struct file_fixture *f = *state;
	struct nf_err err;
	struct stat st;

	assert_int_equal(file_mkdirs_at(f->fd, "keep/inside", &err), 0);
	assert_int_equal(file_mkdirs_at(f->fd, "tree/a/b/c", &err), 0);
	assert_int_equal(file_replace_at(f->fd, "tree/a/b/file", "x", 1, 0444, &err), 0);
	assert_int_equal(symlinkat("../keep", f->fd, "tree/link"), 0);
	assert_int_equal(fchmodat(f->fd, "tree/a/b", 0555, 0), 0);
	assert_int_equal(fchmodat(f->fd, "tree/a", 0, 0), 0);
	assert_int_equal(file_remove_tree_at(f->fd, "tree", &err), 0);
	assert_int_equal(fstatat(f->fd, "tree", &st, 0), -1);
	assert_int_equal(fstatat(f->fd, "keep/inside", &st, 0), 0);
	assert_int_equal(file_remove_tree_at(f->fd, "tree", &err), 0);
}

/* Makes "tree", DEPTH directories within each other. */
static void make_deep(const struct file_fixture *f, unsigned depth)
{
	int at = dup(f->fd);

	for (unsigned i = 0; i < depth; i++) {
		int next;

		assert_int_equal(mkdirat(at, "tree", 0755), 0);
		next = openat(at, "tree", O_RDONLY | O_DIRECTORY);
		assert_true(next >= 0);
		close(at);
		at = next;
	}
	close(at);
}

static void trees_deeper_than_any_nar_are_removed(void **state)
{
	struct file_fixture *f = *state;
	struct nf_err err;

	make_deep(f, 200);
	assert_int_equal(file_remove_tree_at(f->fd, "tree", &err), 0);
	assert_int_equal(count_entries(f), 0);
}

static void endlessly_deep_tree_is_not_removed(void **state)
{
	struct file_fixture *f = *state;
	struct nf_err err;
	char command[64];

	make_deep(f, 600);
	assert_int_equal(file_remove_tree_at(f->fd, "tree", &err), -NF_E_LIMIT);
	assert_string_equal(err.text, "'tree' is nested too deeply to be removed");
	snprintf(command, sizeof(command), "rm -r %s/tree", f->dir);
	assert_int_equal(system(command), 0);
}

/* As in a store: directories without write permission, and one without read
 * permission. */
static int remove_as_nobody(const struct file_fixture *f)
{
	struct nf_err err = { 0 };
	int rc = 0;

	if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
		return 1;
	rc |= file_mkdirs_at(f->fd, "tree/a/b", &err);
	rc |= file_mkdirs_at(f->fd, "tree/c", &err);
	rc |= file_replace_at(f->fd, "tree/a/b/file", "x", 1, 0444, &err);
	rc |= fchmodat(f->fd, "tree/c", 0, 0);
	rc |= fchmodat(f->fd, "tree/a/b", 0555, 0);
	rc |= fchmodat(f->fd, "tree/a", 0555, 0);
	rc |= fchmodat(f->fd, "tree", 0555, 0);
	return rc || file_remove_tree_at(f->fd, "tree", &err) ? 1 : 0;
}

static void user_removes_read_only_directories(void **state)
{
	struct file_fixture *f = *state;
	int status;
	pid_t pid;

	assert_int_equal(chmod(f->dir, 0777), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(remove_as_nobody(f));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(count_entries(f), 0);
}

static void a_file_in_the_way_of_a_directory_is_an_error(void **state)
{
	struct file_fixture *f = *state;
	struct nf_err err;

	assert_int_equal(file_replace_at(f->fd, "x", "", 0, 0644, &err), 0);
	assert_int_equal(file_mkdirs_at(f->fd, "x", &err), -NF_E_SYS);
	assert_int_equal(err.sys_errno, ENOTDIR);
	assert_int_equal(file_mkdirs_at(f->fd, "a/b/c", &err), 0);
	assert_int_equal(file_mkdirs_at(f->fd, "a/b/c", &err), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make_dir, drop_dir)

static void a_stream_is_read_to_its_end_and_waited_for(void **state)
{
	struct nf_err err;
	char bytes[8];
	int ends[2];
	size_t len;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "abc", 3), 3);
	assert_int_equal(file_read_stream(ends[0], bytes, 2, &len, "it", &err), 0);
	assert_int_equal(len, 2);
	close(ends[1]);
	assert_int_equal(file_read_stream(ends[0], bytes, 8, &len, "it", &err), 0);
	assert_int_equal(len, 1);
	close(ends[0]);
}

static void an_interruption_ends_the_wait_for_a_stream(void **state)
{
	struct nf_err err;
	char bytes[8];
	int ends[2];
	size_t len;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	interrupt_set(true);
	assert_int_equal(file_read_stream(ends[0], bytes, 8, &len, "it", &err),
			 -NF_E_INTR);
	assert_string_equal(err.text, "interrupted");
	interrupt_set(false);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_is_read_to_its_end_and_waited_for),
		cmocka_unit_test(an_interruption_ends_the_wait_for_a_stream),
		TEST(reading_enforces_its_limit_and_reports_absence),
		TEST(a_short_file_is_truncated),
		TEST(a_tree_is_removed_without_following_links),
		TEST(trees_deeper_than_any_nar_are_removed),
		TEST(endlessly_deep_tree_is_not_removed),
		TEST(user_removes_read_only_directories),
		TEST(a_file_in_the_way_of_a_directory_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
