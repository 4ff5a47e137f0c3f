#include "base/free_space.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "expect.h"
#include "temp_dir.h"

#include "base/cleanup.h"

static void a_path_and_its_descriptor_have_the_same_file_system(void **state)
{
	const struct temp_dir *t = *state;
	struct free_space by_path = { 0 }, by_fd = { 0 };
	AUTO_FD int fd = open(t->path, O_RDONLY | O_DIRECTORY);
	struct stat st;

	assert_int_equal(stat(t->path, &st), 0);
	assert_int_equal(free_space_of_path(&by_path, t->path, NULL), 0);
	assert_int_equal(free_space_of_fd(&by_fd, fd, t->path, NULL), 0);
	assert_true(by_path.dev == st.st_dev && by_fd.dev == st.st_dev);
	assert_true(by_path.bytes > 0 && by_path.inodes > 0);
}

static void unsupported_stores_are_named(void **state)
{
	struct free_space space;
	struct nf_err err;

	(void)state;
	assert_int_equal(free_space_of_path(&space, "/does/not/exist", &err), -NF_E_SYS);
	assert_string_equal(
		err.text,
		"cannot determine the free space of '/does/not/exist': No such file or directory");
	assert_int_equal(free_space_of_fd(&space, -1, "/mnt", &err), -NF_E_SYS);
	assert_string_equal(
		err.text,
		"cannot determine the free space of '/mnt': Bad file descriptor");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_path_and_its_descriptor_have_the_same_file_system,
			temp_dir_setup, temp_dir_teardown),
		cmocka_unit_test(unsupported_stores_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
