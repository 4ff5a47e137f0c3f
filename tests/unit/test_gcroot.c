#include "store/gcroot.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "skip.h"
#include "store/store_profile.h"
#include "temp_dir.h"

#define HASH_A "sgii4f5h9d2lym14f3av1r80w53l9k82"
#define HASH_B "xp0dpr9yz5h0fk5c5lpj7zzqjbdh3w8c"

struct fixture {
	struct temp_dir *dir;
	struct target target;
	struct nf_storepath a;
	struct nf_storepath b;
};

static int setup(void **state)
{
	static struct fixture f;

	temp_dir_setup((void **)&f.dir);
	assert_int_equal(target_open(&f.target, f.dir->path, NULL), 0);
	assert_int_equal(
		nf_storepath_parse_base(&f.a, NF_SLICE_LIT(HASH_A "-tree"), NULL), 0);
	assert_int_equal(nf_storepath_parse_base(&f.b, NF_SLICE_LIT(HASH_B "-f"), NULL),
			 0);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	target_close(&f->target);
	return temp_dir_teardown((void **)&f->dir);
}

static void assert_link(const struct fixture *f, const char *name, const char *target)
{
	char path[256];
	AUTO_FREE char *have = NULL;

	snprintf(path, sizeof(path), "nix/var/nix/%s", name);
	have = temp_dir_readlink(f->dir, path);
	assert_string_equal(have, target);
}

static void a_root_is_a_direct_link(void **state)
{
	const struct fixture *f = *state;

	/* Twice: the second finds it. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(gcroot_add(&f->target, &f->a, NULL), 0);
		assert_link(f, "gcroots/nixferry/" HASH_A "-tree",
			    "/nix/store/" HASH_A "-tree");
	}
}

static void a_wrong_root_is_replaced(void **state)
{
	const struct fixture *f = *state;

	temp_dir_mkdir(f->dir, "nix/var/nix/gcroots/nixferry");
	assert_int_equal(symlinkat("/nix/store/" HASH_B "-f", f->dir->fd,
				   "nix/var/nix/gcroots/nixferry/" HASH_A "-tree"),
			 0);
	assert_int_equal(gcroot_add(&f->target, &f->a, NULL), 0);
	assert_link(f, "gcroots/nixferry/" HASH_A "-tree", "/nix/store/" HASH_A "-tree");
}

static void a_linked_directory_of_roots_is_refused(void **state)
{
	const struct fixture *f = *state;
	struct nf_err err;

	assert_int_equal(symlinkat("/tmp", f->dir->fd, "nix/var/nix/gcroots/nixferry"),
			 0);
	assert_int_equal(gcroot_add(&f->target, &f->a, &err), -NF_E_SYS);
	assert_non_null(strstr(err.text, "nixferry"));
}

static void nix_sees_the_roots(void **state)
{
	const struct fixture *f = *state;
	AUTO_FREE char *link = NULL;
	AUTO_FREE char *added = NULL;
	AUTO_FREE char *roots = NULL;
	struct nf_storepath path;
	int status;

	if (!temp_dir_have_command("nix-store"))
		skip_because("no Nix here");
	temp_dir_write(f->dir, "f", "hello\n");
	added = temp_dir_run(&status, "nix-store --store '%s' --add '%s/f' 2>/dev/null",
			     f->dir->path, f->dir->path);
	assert_int_equal(status, 0);
	added[strcspn(added, "\n")] = '\0';
	assert_int_equal(nf_storepath_parse(&path, nf_slice_str(added), NULL), 0);
	assert_int_equal(gcroot_add(&f->target, &path, NULL), 0);
	assert_int_equal(store_profile_set(&f->target, "system", &path, &link, NULL), 0);
	roots = temp_dir_run(&status, "nix-store --store '%s' --gc --print-roots",
			     f->dir->path);
	assert_int_equal(status, 0);
	assert_non_null(strstr(roots, "/nix/var/nix/gcroots/nixferry/"));
	assert_non_null(strstr(roots, "/nix/var/nix/profiles/system-1-link"));
}

static void what_a_killed_run_left_is_removed(void **state)
{
	struct fixture *f = *state;
	AUTO_FD int roots_fd = -1;

	assert_int_equal(gcroot_add(&f->target, &f->a, NULL), 0);
	assert_int_equal(
		file_opendir_at(&roots_fd, f->target.state_fd, "gcroots/nixferry", NULL),
		0);
	assert_int_equal(symlinkat("x", roots_fd, ".nixferry.tmp"), 0);
	assert_int_equal(gcroot_add(&f->target, &f->a, NULL), 0);
	assert_int_equal(unlinkat(roots_fd, ".nixferry.tmp", 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_root_is_a_direct_link, setup, teardown),
		cmocka_unit_test_setup_teardown(a_wrong_root_is_replaced, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_linked_directory_of_roots_is_refused,
						setup, teardown),
		cmocka_unit_test_setup_teardown(what_a_killed_run_left_is_removed, setup,
						teardown),
		cmocka_unit_test_setup_teardown(nix_sees_the_roots, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
