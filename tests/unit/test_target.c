#include "store/target.h"

#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "temp_dir.h"

static void assert_directory(const struct temp_dir *t, const char *name, mode_t mode)
{
	struct stat st = temp_dir_stat(t, name);

	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_mode & 07777, mode);
}

static void new_root_gets_a_complete_store(void **state)
{
	static const char *const parts[] = {
		"mnt/nix",
		"mnt/nix/var",
		"mnt/nix/var/nix",
		"mnt/nix/var/nix/db",
		"mnt/nix/var/nix/gcroots",
		"mnt/nix/var/nix/profiles",
		"mnt/nix/var/nix/temproots",
	};
	const struct temp_dir *t = *state;
	AUTO_FREE char *root = temp_dir_join(t, "mnt");
	AUTO_FREE char *state_dir = temp_dir_join(t, "mnt/nix/var/nix");
	struct target target;
	mode_t saved = umask(077);

	assert_int_equal(target_open(&target, root, NULL), 0);
	umask(saved);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		assert_directory(t, parts[i], 0755);
	assert_directory(t, "mnt/nix/store",
			 geteuid() == 0 && getgrnam("nixbld") ? 01775 : 0755);
	assert_string_equal(target.root, root);
	assert_string_equal(target.state_dir, state_dir);
	assert_int_equal(target_sync(&target, NULL), 0);
	target_close(&target);
	assert_int_equal(target.store_fd, -1);
}

static void existing_files_stay_unchanged(void **state)
{
	const struct temp_dir *t = *state;
	struct target target;

	temp_dir_mkdir(t, "nix/store");
	assert_int_equal(fchmodat(t->fd, "nix/store", 0711, 0), 0);
	assert_int_equal(target_open(&target, t->path, NULL), 0);
	target_close(&target);
	assert_directory(t, "nix/store", 0711);
}

static void trailing_slashes_of_the_root_are_dropped(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_FREE char *root = mem_printf("%s///", t->path);
	struct target target;

	assert_int_equal(target_open(&target, root, NULL), 0);
	assert_string_equal(target.root, t->path);
	target_close(&target);
}

static void links_in_the_path_are_refused(void **state)
{
	static const struct {
		const char *dir;
		const char *link;
	} rows[] = {
		{ ".", "nix" }, /* the link is what each row plants */
		{ "nix", "nix/store" },
		{ "nix", "nix/var" },
		{ "nix/var", "nix/var/nix" },
		{ "nix/var/nix", "nix/var/nix/db" },
		{ "nix/var/nix", "nix/var/nix/profiles" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct temp_dir *t;
		struct target target;
		struct nf_err err;
		char text[512];

		temp_dir_setup((void **)&t);
		temp_dir_mkdir(t, "elsewhere");
		temp_dir_mkdir(t, rows[i].dir);
		assert_int_equal(symlinkat("/", t->fd, rows[i].link), 0);
		assert_int_equal(target_open(&target, t->path, &err), -NF_E_SYS);
		snprintf(
			text, sizeof(text),
			"'%s/%s' is a symbolic link: the store and what is above it must be directories",
			t->path, rows[i].link);
		assert_string_equal(err.text, text);
		assert_int_equal(target.root_fd, -1);
		temp_dir_teardown((void **)&t);
	}
	(void)state;
}

static void a_file_in_the_place_of_the_store_is_refused(void **state)
{
	const struct temp_dir *t = *state;
	struct target target;
	struct nf_err err;
	char text[512];

	temp_dir_mkdir(t, "nix");
	temp_dir_write(t, "nix/store", "");
	assert_int_equal(target_open(&target, t->path, &err), -NF_E_SYS);
	snprintf(text, sizeof(text),
		 "cannot open the directory '%s/nix/store': Not a directory", t->path);
	assert_string_equal(err.text, text);
}

static void an_empty_root_is_wrong_usage(void **state)
{
	struct target target;
	struct nf_err err;

	(void)state;
	assert_int_equal(target_open(&target, "", &err), -NF_E_USAGE);
	assert_string_equal(err.text, "the path of the store root is empty");
}

static void free_space_is_reported(void **state)
{
	const struct temp_dir *t = *state;
	struct free_space space = { 0 };
	struct target target;

	assert_int_equal(target_open(&target, t->path, NULL), 0);
	assert_int_equal(target_free_space(&target, &space, NULL), 0);
	assert_true(space.bytes > 0 && space.inodes > 0);
	target_close(&target);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(new_root_gets_a_complete_store,
						temp_dir_setup, temp_dir_teardown),
		cmocka_unit_test_setup_teardown(existing_files_stay_unchanged,
						temp_dir_setup, temp_dir_teardown),
		cmocka_unit_test_setup_teardown(trailing_slashes_of_the_root_are_dropped,
						temp_dir_setup, temp_dir_teardown),
		cmocka_unit_test(links_in_the_path_are_refused),
		cmocka_unit_test_setup_teardown(
			a_file_in_the_place_of_the_store_is_refused, temp_dir_setup,
			temp_dir_teardown),
		cmocka_unit_test(an_empty_root_is_wrong_usage),
		cmocka_unit_test_setup_teardown(free_space_is_reported, temp_dir_setup,
						temp_dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
