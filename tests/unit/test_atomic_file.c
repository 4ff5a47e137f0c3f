#include "base/atomic_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

struct atomic_fixture {
	char dir[32];
	int fd;
};

static int make_dir(void **state)
{
	struct atomic_fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/atomic-XXXXXX");
	*state = f;
	if (!f || !mkdtemp(f->dir))
		return -1;
	f->fd = open(f->dir, O_RDONLY | O_DIRECTORY);
	return f->fd < 0 ? -1 : 0;
}

static int drop_dir(void **state)
{
	struct atomic_fixture *f = *state;
	int rc = file_remove_tree_at(AT_FDCWD, f->dir, NULL);

	close(f->fd);
	free(f);
	return rc;
}

static size_t count_entries(const struct atomic_fixture *f)
{
	DIR *dir = opendir(f->dir);
	size_t n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static bool is_there(const struct atomic_fixture *f, const char *name)
{
	return !faccessat(f->fd, name, F_OK, AT_SYMLINK_NOFOLLOW);
}

static void atomic_file_appears_complete_on_commit(void **state)
{
	struct atomic_fixture *f = *state;
	struct atomic_file file;
	AUTO_BUF struct buf text = { 0 };
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
	struct atomic_fixture *f = *state;
	struct atomic_file file;
	struct nf_err err;

	assert_int_equal(file_replace_at(f->fd, "x", "old", 3, 0644, &err), 0);
	assert_int_equal(atomic_file_open(&file, f->fd, "x", 0644, &err), 0);
	assert_int_equal(count_entries(f), 2);
	atomic_file_discard(&file);
	assert_int_equal(count_entries(f), 1);
}

static void an_atomic_file_has_its_mode_whatever_the_umask(void **state)
{
	struct atomic_fixture *f = *state;
	mode_t mask = umask(0777);
	struct nf_err err;
	struct stat st;

	assert_int_equal(file_replace_at(f->fd, "x", "", 0, 0644, &err), 0);
	umask(mask);
	assert_int_equal(fstatat(f->fd, "x", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
}

static void two_atomic_files_of_one_name_do_not_interfere(void **state)
{
	struct atomic_fixture *f = *state;
	struct atomic_file one, two;
	AUTO_BUF struct buf text = { 0 };
	struct nf_err err;

	assert_int_equal(atomic_file_open(&one, f->fd, "x", 0644, &err), 0);
	assert_int_equal(atomic_file_open(&two, f->fd, "x", 0644, &err), 0);
	assert_int_equal(file_write_all(one.fd, "one", 3, "x", &err), 0);
	assert_int_equal(file_write_all(two.fd, "two", 3, "x", &err), 0);
	assert_int_equal(atomic_file_commit(&two, &err), 0);
	assert_int_equal(atomic_file_commit_nosync(&one, &err), 0);
	buf_init(&text, 10);
	assert_int_equal(file_read_at(f->fd, "x", &text, &err), 0);
	assert_string_equal(text.ptr, "one");
	assert_int_equal(count_entries(f), 1);
}

static void a_commit_that_fails_leaves_nothing(void **state)
{
	struct atomic_fixture *f = *state;
	struct atomic_file file;
	struct nf_err err;

	assert_int_equal(file_mkdirs_at(f->fd, "x/y", &err), 0);
	assert_int_equal(atomic_file_open(&file, f->fd, "x", 0644, &err), 0);
	assert_int_equal(atomic_file_commit(&file, &err), -NF_E_SYS);
	assert_string_equal(err.text, "cannot rename to 'x': Is a directory");
	atomic_file_discard(&file);
	assert_int_equal(count_entries(f), 1);
}

/* A child process that is killed while it writes NAME. */
static void be_killed_writing(const struct atomic_fixture *f, const char *name)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct atomic_file file;
		struct nf_err err;

		if (!atomic_file_open(&file, f->fd, name, 0600, &err))
			raise(SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void what_killed_processes_left_is_removed(void **state)
{
	struct atomic_fixture *f = *state;
	struct nf_err err;

	be_killed_writing(f, "x");
	be_killed_writing(f, "x");
	be_killed_writing(f, "y");
	assert_int_equal(count_entries(f), 2);
	assert_int_equal(file_replace_at(f->fd, "x", "", 0, 0644, &err), 0);
	assert_int_equal(count_entries(f), 2);
	assert_int_equal(file_replace_at(f->fd, "y", "", 0, 0644, &err), 0);
	assert_int_equal(count_entries(f), 2);
	assert_true(is_there(f, "x") && is_there(f, "y"));
}

static void files_of_other_names_and_types_stay(void **state)
{
	static const char *const names[] = { ".x.1.tmp",    ".x.1.2.tmp~", ".x..2.tmp",
					     ".x.a.2.tmp",  "x.1.2.tmp",   ".xx.1.2.tmp",
					     ".x.1.2.3.tmp" };
	struct atomic_fixture *f = *state;
	struct nf_err err;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		close(openat(f->fd, names[i], O_CREAT | O_WRONLY, 0600));
	assert_int_equal(symlinkat(".x.1.tmp", f->fd, ".x.1.3.tmp"), 0);
	assert_int_equal(mkdirat(f->fd, ".x.1.4.tmp", 0700), 0);
	assert_int_equal(mkfifoat(f->fd, ".x.1.5.tmp", 0600), 0);
	close(openat(f->fd, ".x.1.6.tmp", O_CREAT | O_WRONLY, 0600));
	assert_int_equal(file_replace_at(f->fd, "x", "", 0, 0644, &err), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_true(is_there(f, names[i]));
	assert_true(is_there(f, ".x.1.3.tmp"));
	assert_true(is_there(f, ".x.1.4.tmp"));
	assert_true(is_there(f, ".x.1.5.tmp"));
	assert_false(is_there(f, ".x.1.6.tmp"));
}

static void what_another_user_owns_stays(void **state)
{
	struct atomic_fixture *f = *state;
	struct nf_err err;

	if (geteuid())
		skip();
	close(openat(f->fd, ".x.1.2.tmp", O_CREAT | O_WRONLY, 0600));
	assert_int_equal(fchownat(f->fd, ".x.1.2.tmp", 65534, 65534, 0), 0);
	assert_int_equal(file_replace_at(f->fd, "x", "", 0, 0644, &err), 0);
	assert_true(is_there(f, ".x.1.2.tmp"));
}

static void a_file_is_locked_until_it_has_its_name(void **state)
{
	struct atomic_fixture *f = *state;
	struct atomic_file file;
	struct nf_err err;
	bool exists;
	int fd;

	assert_int_equal(atomic_file_open(&file, f->fd, "x", 0644, &err), 0);
	fd = openat(f->fd, file.temp, O_RDONLY);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1);
	assert_int_equal(errno, EWOULDBLOCK);
	assert_int_equal(atomic_file_commit_new(&file, &exists, &err), 0);
	assert_false(exists);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	close(fd);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make_dir, drop_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(atomic_file_appears_complete_on_commit),
		TEST(a_discarded_file_leaves_nothing),
		TEST(an_atomic_file_has_its_mode_whatever_the_umask),
		TEST(two_atomic_files_of_one_name_do_not_interfere),
		TEST(a_commit_that_fails_leaves_nothing),
		TEST(what_killed_processes_left_is_removed),
		TEST(files_of_other_names_and_types_stay),
		TEST(what_another_user_owns_stays),
		TEST(a_file_is_locked_until_it_has_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
