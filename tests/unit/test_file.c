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

#include <cmocka.h>

#include "base/cleanup.h"

struct fixture {
	char dir[32];
	int fd;
};

static int make_dir(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/file-XXXXXX");
	*state = f;
	if (!f || !mkdtemp(f->dir))
		return -1;
	f->fd = open(f->dir, O_RDONLY | O_DIRECTORY);
	return f->fd < 0 ? -1 : 0;
}

static int drop_dir(void **state)
{
	struct fixture *f = *state;
	int rc = file_remove_tree_at(AT_FDCWD, f->dir, NULL);

	close(f->fd);
	free(f);
	return rc;
}

static size_t count_entries(const struct fixture *f)
{
	DIR *dir = opendir(f->dir);
	size_t n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static void an_atomic_file_appears_whole_at_its_commit(void **state)
{
	struct fixture *f = *state;
	struct atomic_file file;
	AUTO_BUF struct buf text;
	struct nf_err err;
	struct stat st;

	assert_int_equal(atomic_file_open(&file, f->fd, "x", 0444, &err), 0);
	assert_int_equal(file_write_all(file.fd, "abc", 3, "x", &err), 0);
	assert_int_equal(fstatat(f->fd, "x", &st, 0), -1);
	assert_int_equal(atomic_file_commit(&file, &err), 0);
	assert_int_equal(fstatat(f->fd, "x", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0444);
	buf_init(&text, 3);
	assert_int_equal(file_read_at(f->fd, "x", &text, &err), 0);
	assert_string_equal(text.ptr, "abc");
	assert_int_equal(count_entries(f), 1);
}

static void a_discarded_file_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct atomic_file file;
	struct nf_err err;

	assert_int_equal(file_replace_at(f->fd, "x", "old", 3, 0644, &err), 0);
	assert_int_equal(atomic_file_open(&file, f->fd, "x", 0644, &err), 0);
	assert_int_equal(count_entries(f), 2);
	atomic_file_discard(&file);
	assert_int_equal(count_entries(f), 1);
}

static void reading_holds_its_limit_and_tells_absence(void **state)
{
	struct fixture *f = *state;
	AUTO_BUF struct buf text;
	struct nf_err err;

	buf_init(&text, 3);
	assert_int_equal(file_read_at(f->fd, "none", &text, &err), -NF_E_MISSING);
	assert_string_equal(err.text, "'none' is not there");
	assert_int_equal(file_replace_at(f->fd, "x", "four", 4, 0644, &err), 0);
	assert_int_equal(file_read_at(f->fd, "x", &text, &err), -NF_E_LIMIT);
	assert_string_equal(err.text, "'x' is larger than 3 bytes");
}

static void a_short_file_is_truncated(void **state)
{
	struct fixture *f = *state;
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
	struct fixture *f = *state;
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

static void a_file_in_the_way_of_a_directory_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct nf_err err;

	assert_int_equal(file_replace_at(f->fd, "x", "", 0, 0644, &err), 0);
	assert_int_equal(file_mkdirs_at(f->fd, "x", &err), -NF_E_SYS);
	assert_int_equal(err.sys_errno, ENOTDIR);
	assert_int_equal(file_mkdirs_at(f->fd, "a/b/c", &err), 0);
	assert_int_equal(file_mkdirs_at(f->fd, "a/b/c", &err), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make_dir, drop_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_atomic_file_appears_whole_at_its_commit),
		TEST(a_discarded_file_leaves_nothing),
		TEST(reading_holds_its_limit_and_tells_absence),
		TEST(a_short_file_is_truncated),
		TEST(a_tree_is_removed_without_following_links),
		TEST(a_file_in_the_way_of_a_directory_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
