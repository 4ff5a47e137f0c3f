#include "base/dir_entries.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "temp_dir.h"

static void expect_names(int fd, size_t count)
{
	struct dir_entries d;
	const struct dirent *entry;
	bool has_hidden = false;
	size_t found = 0;

	dir_entries_begin(&d, fd);
	while ((entry = dir_entries_next(&d))) {
		assert_string_not_equal(entry->d_name, ".");
		assert_string_not_equal(entry->d_name, "..");
		has_hidden = has_hidden || !strcmp(entry->d_name, ".hidden");
		found++;
	}
	assert_true(dir_entries_end(&d));
	assert_int_equal(found, count);
	assert_int_equal(has_hidden, count > 0);
}

static void every_entry_except_dot_and_dotdot_is_returned(void **state)
{
	const struct temp_dir *t = *state;

	expect_names(t->fd, 0);
	temp_dir_write(t, ".hidden", "");
	temp_dir_write(t, "...", "");
	temp_dir_mkdir(t, "below");
	expect_names(t->fd, 3);
	/* The caller's descriptor keeps its position. */
	expect_names(t->fd, 3);
}

static void entries_may_be_removed_while_reading(void **state)
{
	const struct temp_dir *t = *state;
	const struct dirent *entry;
	struct dir_entries d;

	temp_dir_write(t, "a", "");
	temp_dir_write(t, "b", "");
	dir_entries_begin(&d, t->fd);
	while ((entry = dir_entries_next(&d)))
		assert_int_equal(unlinkat(t->fd, entry->d_name, 0), 0);
	assert_true(dir_entries_end(&d));
	expect_names(t->fd, 0);
}

static void failure_to_open_is_reported_at_the_end(void **state)
{
	struct dir_entries d;

	(void)state;
	dir_entries_begin(&d, -1);
	assert_null(dir_entries_next(&d));
	errno = 0;
	assert_false(dir_entries_end(&d));
	assert_int_equal(errno, EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			every_entry_except_dot_and_dotdot_is_returned, temp_dir_setup,
			temp_dir_teardown),
		cmocka_unit_test_setup_teardown(entries_may_be_removed_while_reading,
						temp_dir_setup, temp_dir_teardown),
		cmocka_unit_test(failure_to_open_is_reported_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
