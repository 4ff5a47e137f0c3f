#include "store/target_etc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "expect.h"
#include "temp_dir.h"

static int write_conf(const struct temp_dir *t, const char *text, bool *ret_exists)
{
	int fd = -1;
	int rc;

	assert_int_equal(target_etc_open(&fd, t->path, NULL), 0);
	rc = target_etc_write(fd, nf_slice_str(text), ret_exists, NULL);
	close(fd);
	return rc;
}

static void assert_conf(const struct temp_dir *t, const char *want)
{
	char *text = temp_dir_read(t, "etc/nix/nix.conf");

	assert_string_equal(text, want);
	free(text);
}

static void the_file_and_its_directories_are_made(void **state)
{
	const struct temp_dir *t = *state;
	mode_t mask = umask(077);
	bool exists = true;
	char *left;

	assert_int_equal(write_conf(t, "cores = 0\n", &exists), 0);
	umask(mask);
	assert_false(exists);
	assert_conf(t, "cores = 0\n");
	assert_int_equal(temp_dir_stat(t, "etc/nix/nix.conf").st_mode, S_IFREG | 0644);
	assert_int_equal(temp_dir_stat(t, "etc/nix").st_mode, S_IFDIR | 0755);
	left = temp_dir_run(NULL, "ls -A '%s/etc/nix'", t->path);
	assert_string_equal(left, "nix.conf\n");
	free(left);
}

static void what_is_there_is_never_replaced(void **state)
{
	const struct temp_dir *t = *state;
	bool exists = false;
	char *left;

	temp_dir_mkdir(t, "etc/nix");
	temp_dir_write(t, "etc/nix/nix.conf", "mine\n");
	assert_int_equal(write_conf(t, "cores = 0\n", &exists), 0);
	assert_true(exists);
	assert_conf(t, "mine\n");
	left = temp_dir_run(NULL, "cd '%s/etc/nix' && ls -A && ln -sf /nowhere nix.conf",
			    t->path);
	assert_string_equal(left, "nix.conf\n");
	free(left);
	exists = false;
	assert_int_equal(write_conf(t, "cores = 0\n", &exists), 0);
	assert_true(exists);
	left = temp_dir_readlink(t, "etc/nix/nix.conf");
	assert_string_equal(left, "/nowhere");
	free(left);
}

/* They might lead out of the target. */
static void links_below_the_root_are_not_followed(void **state)
{
	static const char *const commands[] = {
		"ln -s elsewhere etc",
		"mkdir etc && ln -s ../elsewhere etc/nix",
		"touch etc",
	};
	const struct temp_dir *t = *state;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct nf_err err;
		int fd = -1;

		free(temp_dir_run(NULL,
				  "cd '%s' && rm -rf etc && mkdir -p elsewhere/nix && %s",
				  t->path, commands[i]));
		assert_int_equal(target_etc_open(&fd, t->path, &err), -NF_E_SYS);
		assert_int_equal(fd, -1);
		assert_false(temp_dir_has(t, "elsewhere/nix.conf"));
		assert_false(temp_dir_has(t, "elsewhere/nix/nix.conf"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_file_and_its_directories_are_made,
						temp_dir_setup, temp_dir_teardown),
		cmocka_unit_test_setup_teardown(what_is_there_is_never_replaced,
						temp_dir_setup, temp_dir_teardown),
		cmocka_unit_test_setup_teardown(links_below_the_root_are_not_followed,
						temp_dir_setup, temp_dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
