#include "store/gcroot.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "skip.h"
#include "store/gcroot_list.h"
#include "store/store_profile.h"
#include "temp_dir.h"

#define HASH_A "sgii4f5h9d2lym14f3av1r80w53l9k82"
#define HASH_B "xp0dpr9yz5h0fk5c5lpj7zzqjbdh3w8c"

#define ROOTS	"gcroots/nixferry/"
#define STORE_A "/nix/store/" HASH_A "-tree"
#define STORE_B "/nix/store/" HASH_B "-f"
#define STORE_C "/nix/store/" HASH_A "-nixos-system-lab-1"
#define STORE_D "/nix/store/" HASH_B "-nixos-system-lab-2"

struct gcroot_fixture {
	struct temp_dir *dir;
	struct target target;
	struct nf_storepath a;
	struct nf_storepath b;
	struct nf_storepath c;
	struct nf_storepath d;
};

static int setup(void **state)
{
	static struct gcroot_fixture f;

	temp_dir_setup((void **)&f.dir);
	assert_int_equal(target_open(&f.target, f.dir->path, NULL), 0);
	assert_int_equal(nf_storepath_parse(&f.a, NF_SLICE_LIT(STORE_A), NULL), 0);
	assert_int_equal(nf_storepath_parse(&f.b, NF_SLICE_LIT(STORE_B), NULL), 0);
	assert_int_equal(nf_storepath_parse(&f.c, NF_SLICE_LIT(STORE_C), NULL), 0);
	assert_int_equal(nf_storepath_parse(&f.d, NF_SLICE_LIT(STORE_D), NULL), 0);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct gcroot_fixture *f = *state;

	target_close(&f->target);
	return temp_dir_teardown((void **)&f->dir);
}

static void assert_link(const struct gcroot_fixture *f, const char *name,
			const char *target)
{
	char path[256];
	AUTO_FREE char *have = NULL;

	snprintf(path, sizeof(path), "nix/var/nix/%s", name);
	have = temp_dir_readlink(f->dir, path);
	assert_string_equal(have, target);
}

static int set(const struct gcroot_fixture *f, const char *name,
	       const struct nf_storepath *const *paths, size_t count)
{
	struct nf_storepath list[8];

	for (size_t i = 0; i < count; i++)
		list[i] = *paths[i];
	return gcroot_set(&f->target, name, list, count, NULL);
}

static void assert_gone(const struct gcroot_fixture *f, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(f->target.state_fd, name, &st, AT_SYMLINK_NOFOLLOW), -1);
}

static size_t count_links(const struct gcroot_fixture *f)
{
	AUTO(gcroot_list_release) struct gcroot_list l = { 0 };

	assert_int_equal(gcroot_list_read(&l, f->dir->path, NULL), 0);
	return l.count;
}

static void a_root_is_a_direct_link(void **state)
{
	const struct gcroot_fixture *f = *state;

	/* Twice: the second finds it. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(gcroot_set(&f->target, "mine", &f->a, 1, NULL), 0);
		assert_link(f, ROOTS "mine", STORE_A);
		assert_int_equal(count_links(f), 1);
	}
}

static void later_root_of_the_same_name_replaces_it(void **state)
{
	const struct gcroot_fixture *f = *state;

	assert_int_equal(gcroot_set(&f->target, "mine", &f->a, 1, NULL), 0);
	assert_int_equal(gcroot_set(&f->target, "other", &f->a, 1, NULL), 0);
	assert_int_equal(gcroot_set(&f->target, "mine", &f->b, 1, NULL), 0);
	assert_link(f, ROOTS "mine", STORE_B);
	assert_link(f, ROOTS "other", STORE_A);
	assert_int_equal(count_links(f), 2);
}

static void several_paths_are_replaced_as_a_whole(void **state)
{
	const struct gcroot_fixture *f = *state;
	const struct nf_storepath *const ab[] = { &f->a, &f->b, &f->a };
	const struct nf_storepath *const cd[] = { &f->c, &f->d };

	assert_int_equal(set(f, "set", ab, 3), 0);
	assert_link(f, ROOTS "set", STORE_A);
	assert_link(f, ROOTS "set~2", STORE_B);
	assert_int_equal(count_links(f), 2);
	assert_int_equal(gcroot_set(&f->target, "set-2", &f->a, 1, NULL), 0);
	assert_int_equal(set(f, "set", cd, 2), 0);
	assert_int_equal(count_links(f), 3);
	assert_int_equal(gcroot_set(&f->target, "set", &f->d, 1, NULL), 0);
	assert_link(f, ROOTS "set", STORE_D);
	assert_link(f, ROOTS "set-2", STORE_A);
	assert_int_equal(count_links(f), 2);
}

/* Every state that a kill may leave: old links, new ones under their second names. */
static void leftover_links_of_a_killed_run_are_removed(void **state)
{
	static const char *const left[] = { ".nixferry.tmp", "set~~1", "set~~2", "set~2",
					    "set~3",	     "set~03", "set~x",	 "set~" };
	const struct gcroot_fixture *f = *state;

	assert_int_equal(gcroot_set(&f->target, "set", &f->a, 1, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(left); i++) {
		char name[64];

		snprintf(name, sizeof(name), ROOTS "%s", left[i]);
		assert_int_equal(symlinkat(STORE_A, f->target.state_fd, name), 0);
	}
	assert_int_equal(gcroot_set(&f->target, "set", &f->b, 1, NULL), 0);
	assert_link(f, ROOTS "set", STORE_B);
	for (size_t i = 0; i < ARRAY_SIZE(left); i++) {
		char name[64];

		snprintf(name, sizeof(name), ROOTS "%s", left[i]);
		assert_gone(f, name);
	}
}

static void without_a_name_each_path_has_its_own_root(void **state)
{
	const struct gcroot_fixture *f = *state;
	const struct nf_storepath *const all[] = { &f->a, &f->b, &f->c, &f->d };
	AUTO_FREE char **names = NULL;
	struct nf_storepath list[] = { f->c, f->b, f->d };

	assert_int_equal(set(f, NULL, all, 4), 0);
	assert_link(f, ROOTS "tree", STORE_A);
	assert_link(f, ROOTS "f", STORE_B);
	assert_link(f, ROOTS "nixos-system-lab", STORE_C);
	assert_link(f, ROOTS "nixos-system-lab~2", STORE_D);
	assert_int_equal(gcroot_names(&names, NULL, list, 3), 2);
	assert_string_equal(names[0], "f");
	assert_string_equal(names[1], "nixos-system-lab");
	free(names[0]);
	free(names[1]);
}

static void a_default_name_is_that_without_the_version(void **state)
{
	static const struct {
		const char *name;
		const char *root;
	} rows[] = {
		{ "hello-2.12", "hello" },
		{ "hello", "hello" },
		{ "nixos-system-web-24.05.1.abc", "nixos-system-web" },
		{ "gcc-wrapper-13-man", "gcc-wrapper" },
		{ "x-", "x-" },
		{ "x--y", "x" },
		{ "1.0", "1.0" },
		{ ".hidden", "unnamed" },
		{ "-1", "unnamed" },
		{ "-a", "unnamed" },
		{ HASH_B "-x", "unnamed" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct nf_storepath path;
		char base[128];

		snprintf(base, sizeof(base), HASH_A "-%s", rows[i].name);
		assert_int_equal(nf_storepath_parse_base(&path, nf_slice_str(base), NULL),
				 0);
		if (!nf_slice_is(gcroot_default_name(&path), rows[i].root))
			fail_msg("%s", rows[i].name);
	}
}

static void invalid_names_are_usage_errors(void **state)
{
	static const char *const names[] = { "",     ".",	 "..",	".x",
					     "a/b",  "/abs",	 "-x",	"a b",
					     "a\nb", "a\033",	 "a~2", "\303\244",
					     "a:b",  HASH_A "-x" };
	char longest[GCROOT_NAME_MAX + 2];
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (gcroot_check_name(names[i], &err) != -NF_E_USAGE)
			fail_msg("'%s'", names[i]);
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(gcroot_check_name(longest, &err), -NF_E_USAGE);
	longest[sizeof(longest) - 2] = '\0';
	assert_int_equal(gcroot_check_name(longest, NULL), 0);
	assert_int_equal(gcroot_check_name("a.b-c_1+2?=", NULL), 0);
}

static void link_of_an_earlier_version_is_replaced(void **state)
{
	const struct gcroot_fixture *f = *state;

	assert_int_equal(gcroot_set(&f->target, "mine", &f->a, 1, NULL), 0);
	assert_int_equal(symlinkat(STORE_A, f->target.state_fd, ROOTS HASH_A "-tree"), 0);
	assert_int_equal(symlinkat(STORE_B, f->target.state_fd, ROOTS HASH_B "-f"), 0);
	assert_int_equal(count_links(f), 3);
	assert_int_equal(gcroot_set(&f->target, NULL, &f->a, 1, NULL), 0);
	assert_gone(f, ROOTS HASH_A "-tree");
	assert_link(f, ROOTS HASH_B "-f", STORE_B);
	assert_link(f, ROOTS "tree", STORE_A);
}

static void a_profile_takes_over_from_a_root_without_a_name(void **state)
{
	const struct gcroot_fixture *f = *state;

	assert_int_equal(gcroot_set(&f->target, NULL, &f->c, 1, NULL), 0);
	assert_int_equal(gcroot_set(&f->target, "kept", &f->c, 1, NULL), 0);
	assert_int_equal(gcroot_set(&f->target, NULL, &f->a, 1, NULL), 0);
	assert_int_equal(gcroot_drop(&f->target, &f->d, NULL), 0);
	assert_gone(f, ROOTS "nixos-system-lab");
	assert_link(f, ROOTS "kept", STORE_C);
	assert_link(f, ROOTS "tree", STORE_A);
}

static void files_put_there_by_others_stay(void **state)
{
	const struct gcroot_fixture *f = *state;

	temp_dir_mkdir(f->dir, "nix/var/nix/" ROOTS "mine~2");
	temp_dir_write(f->dir, "nix/var/nix/" ROOTS "mine~3", "x");
	assert_int_equal(symlinkat("/etc", f->target.state_fd, ROOTS "elsewhere"), 0);
	assert_int_equal(gcroot_set(&f->target, "mine", &f->a, 1, NULL), 0);
	assert_int_equal(count_links(f), 1);
	assert_int_equal(faccessat(f->target.state_fd, ROOTS "mine~2", F_OK, 0), 0);
	assert_int_equal(faccessat(f->target.state_fd, ROOTS "mine~3", F_OK, 0), 0);
}

static void a_linked_directory_of_roots_is_refused(void **state)
{
	const struct gcroot_fixture *f = *state;
	struct gcroot_list l = { 0 };
	struct nf_err err;
	size_t count;

	assert_int_equal(symlinkat("/tmp", f->dir->fd, "nix/var/nix/gcroots/nixferry"),
			 0);
	assert_int_equal(gcroot_set(&f->target, NULL, &f->a, 1, &err), -NF_E_SYS);
	assert_non_null(strstr(err.text, "nixferry"));
	assert_int_equal(gcroot_list_read(&l, f->dir->path, &err), -NF_E_SYS);
	assert_int_equal(gcroot_remove(f->dir->path, "x", &count, &err), -NF_E_SYS);
}

static void list_shows_existing_roots(void **state)
{
	const struct gcroot_fixture *f = *state;
	AUTO(gcroot_list_release) struct gcroot_list l = { 0 };
	const struct nf_storepath *const ab[] = { &f->a, &f->b };

	temp_dir_write(f->dir, "nix/store/" HASH_B "-f", "x");
	assert_int_equal(set(f, "two", ab, 2), 0);
	assert_int_equal(gcroot_set(&f->target, "one", &f->c, 1, NULL), 0);
	assert_int_equal(gcroot_list_read(&l, f->dir->path, NULL), 0);
	assert_int_equal(l.count, 3);
	assert_string_equal(l.items[0].name, "one");
	assert_string_equal(l.items[1].name, "two");
	assert_string_equal(l.items[2].name, "two");
	assert_false(l.items[1].exists);
	assert_true(l.items[2].exists);
	assert_true(l.items[0].made > 1000000000);
}

static void removing_a_root_removes_all_of_its_links(void **state)
{
	const struct gcroot_fixture *f = *state;
	const struct nf_storepath *const ab[] = { &f->a, &f->b };
	size_t count;

	assert_int_equal(gcroot_remove(f->dir->path, "none", &count, NULL), 0);
	assert_int_equal(count, 0);
	assert_int_equal(set(f, "two", ab, 2), 0);
	assert_int_equal(gcroot_set(&f->target, "two-2", &f->c, 1, NULL), 0);
	assert_int_equal(symlinkat(STORE_A, f->target.state_fd, ROOTS HASH_A "-tree"), 0);
	assert_int_equal(gcroot_remove(f->dir->path, "two", &count, NULL), 0);
	assert_int_equal(count, 2);
	assert_int_equal(gcroot_remove(f->dir->path, HASH_A "-tree", &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_int_equal(count_links(f), 1);
}

static void query_creates_nothing(void **state)
{
	struct temp_dir *dir;
	AUTO(gcroot_list_release) struct gcroot_list l = { 0 };
	struct nf_err err;

	(void)state;
	temp_dir_setup((void **)&dir);
	assert_int_equal(gcroot_list_read(&l, dir->path, NULL), 0);
	assert_int_equal(l.count, 0);
	assert_int_equal(faccessat(dir->fd, "nix", F_OK, 0), -1);
	assert_int_equal(gcroot_list_read(&l, "/nowhere/at/all", &err), -NF_E_USAGE);
	temp_dir_teardown((void **)&dir);
}

static void nix_sees_the_roots(void **state)
{
	const struct gcroot_fixture *f = *state;
	AUTO_FREE char *link = NULL;
	AUTO_FREE char *added = NULL;
	AUTO_FREE char *roots = NULL;
	AUTO_FREE char *added2 = NULL;
	struct nf_storepath both[2];
	int status;

	if (!temp_dir_have_command("nix-store"))
		skip_because("no Nix here");
	temp_dir_write(f->dir, "f", "hello\n");
	added = temp_dir_run(&status, "nix-store --store '%s' --add '%s/f' 2>/dev/null",
			     f->dir->path, f->dir->path);
	assert_int_equal(status, 0);
	added[strcspn(added, "\n")] = '\0';
	assert_int_equal(nf_storepath_parse(&both[0], nf_slice_str(added), NULL), 0);
	temp_dir_write(f->dir, "g", "hello again\n");
	added2 = temp_dir_run(&status, "nix-store --store '%s' --add '%s/g' 2>/dev/null",
			      f->dir->path, f->dir->path);
	assert_int_equal(status, 0);
	added2[strcspn(added2, "\n")] = '\0';
	assert_int_equal(nf_storepath_parse(&both[1], nf_slice_str(added2), NULL), 0);
	assert_int_equal(gcroot_set(&f->target, "two", both, 2, NULL), 0);
	assert_int_equal(store_profile_set(&f->target, "system", both, &link, NULL, NULL),
			 0);
	roots = temp_dir_run(&status, "nix-store --store '%s' --gc --print-roots",
			     f->dir->path);
	assert_int_equal(status, 0);
	assert_non_null(strstr(roots, "/nix/var/nix/" ROOTS "two -> "));
	assert_non_null(strstr(roots, "/nix/var/nix/" ROOTS "two~2 -> "));
	assert_non_null(strstr(roots, "/nix/var/nix/profiles/system-1-link"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_root_is_a_direct_link, setup, teardown),
		cmocka_unit_test_setup_teardown(later_root_of_the_same_name_replaces_it,
						setup, teardown),
		cmocka_unit_test_setup_teardown(several_paths_are_replaced_as_a_whole,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			leftover_links_of_a_killed_run_are_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_name_each_path_has_its_own_root,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_default_name_is_that_without_the_version, setup, teardown),
		cmocka_unit_test_setup_teardown(invalid_names_are_usage_errors, setup,
						teardown),
		cmocka_unit_test_setup_teardown(link_of_an_earlier_version_is_replaced,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_profile_takes_over_from_a_root_without_a_name, setup, teardown),
		cmocka_unit_test_setup_teardown(files_put_there_by_others_stay, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_linked_directory_of_roots_is_refused,
						setup, teardown),
		cmocka_unit_test_setup_teardown(list_shows_existing_roots, setup,
						teardown),
		cmocka_unit_test_setup_teardown(removing_a_root_removes_all_of_its_links,
						setup, teardown),
		cmocka_unit_test_setup_teardown(query_creates_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(nix_sees_the_roots, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
