#include "base/home.h"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "expect.h"
#include "temp_dir.h"

#include "base/mem.h"
#include "caches/history.h"
#include "pool/pool.h"
#include "skip.h"

static void expect_home(const char *expected)
{
	AUTO_FREE char *home = home_dir();

	if (expected)
		assert_string_equal(home, expected);
	else
		assert_null(home);
}

static void home_is_what_the_environment_says(void **state)
{
	const struct temp_dir *t = *state;

	setenv("HOME", t->path, 1);
	expect_home(t->path);
	assert_true(home_is_ours(t->path));
	setenv("HOME", "/does/not/exist", 1);
	expect_home("/does/not/exist");
	setenv("HOME", "relative", 1);
	expect_home(NULL);
	unsetenv("HOME");
	expect_home(NULL);
}

static void root_does_not_use_the_home_of_others(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_FREE char *theirs = temp_dir_join(t, "theirs");
	AUTO_FREE char *pool = NULL, *history = NULL, *in_roots = NULL;
	const struct passwd *root = getpwuid(0);

	temp_dir_mkdir(t, "theirs");
	if (chown(theirs, 12345, 12345) < 0 || geteuid() != 0 || !root)
		skip_because("needs root");
	setenv("HOME", theirs, 1);
	unsetenv("XDG_CACHE_HOME");
	unsetenv("XDG_STATE_HOME");
	assert_false(home_is_ours(theirs));
	expect_home(root->pw_dir);

	in_roots = mem_printf("%s/.cache/nixferry", root->pw_dir);
	assert_int_equal(pool_default_dir(&pool, NULL), 0);
	assert_string_equal(pool, in_roots);
	free(in_roots);
	in_roots = mem_printf("%s/.local/state/nixferry/caches", root->pw_dir);
	history = history_default_file();
	assert_string_equal(history, in_roots);
}

#define ON_DISK(fn) cmocka_unit_test_setup_teardown(fn, temp_dir_setup, temp_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_DISK(home_is_what_the_environment_says),
		ON_DISK(root_does_not_use_the_home_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
