#include "store/store_profile.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "temp_dir.h"

#define HASH_A "sgii4f5h9d2lym14f3av1r80w53l9k82"
#define HASH_B "xp0dpr9yz5h0fk5c5lpj7zzqjbdh3w8c"

struct store_profile_fixture {
	struct temp_dir *dir;
	struct target target;
	struct nf_storepath a;
	struct nf_storepath b;
};

static int setup(void **state)
{
	static struct store_profile_fixture f;

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
	struct store_profile_fixture *f = *state;

	target_close(&f->target);
	return temp_dir_teardown((void **)&f->dir);
}

static void assert_link(const struct store_profile_fixture *f, const char *name,
			const char *target)
{
	char path[256];
	AUTO_FREE char *have = NULL;

	snprintf(path, sizeof(path), "nix/var/nix/%s", name);
	have = temp_dir_readlink(f->dir, path);
	assert_string_equal(have, target);
}

static void a_profile_grows_by_generations(void **state)
{
	const struct store_profile_fixture *f = *state;
	const struct {
		const struct nf_storepath *path;
		const char *link;
		const char *why;
	} rows[] = {
		{ &f->a, "system-1-link", "the first" },
		{ &f->a, "system-1-link", "the same again makes none" },
		{ &f->b, "system-2-link", "another path" },
		{ &f->a, "system-3-link", "an old path is a new generation" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *link = NULL;
		char name[64], want[128], store[NF_STOREPATH_TEXT_MAX];

		assert_int_equal(store_profile_set(&f->target, "system", rows[i].path,
						   &link, NULL, NULL),
				 0);
		snprintf(want, sizeof(want), "/nix/var/nix/profiles/%s", rows[i].link);
		assert_string_equal(link, want);
		assert_link(f, "profiles/system", rows[i].link);
		snprintf(name, sizeof(name), "profiles/%s", rows[i].link);
		assert_link(f, name, nf_storepath_format(store, rows[i].path));
	}
}

static void the_next_generation_is_above_all_that_exist(void **state)
{
	static const char *const links[] = { "system-7-link", "system-12-link",
					     "system-x-link", "system-99",
					     "other-50-link", "system-007-links" };
	const struct store_profile_fixture *f = *state;
	AUTO_FREE char *link = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		char name[64];

		snprintf(name, sizeof(name), "nix/var/nix/profiles/%s", links[i]);
		assert_int_equal(symlinkat("/nix/store/" HASH_B "-f", f->dir->fd, name),
				 0);
	}
	assert_int_equal(symlinkat("/nix/var/nix/profiles/system-7-link", f->dir->fd,
				   "nix/var/nix/profiles/system"),
			 0);
	assert_int_equal(
		store_profile_set(&f->target, "system", &f->a, &link, NULL, NULL), 0);
	assert_string_equal(link, "/nix/var/nix/profiles/system-13-link");
}

/* A run that was killed between the two links, or a user who went back. */
static void last_generation_is_reused_for_the_same_path(void **state)
{
	static const char *const profiles[] = { NULL, "system-3-link", "system-4-link" };
	const struct store_profile_fixture *f = *state;

	assert_int_equal(symlinkat("/nix/store/" HASH_B "-f", f->dir->fd,
				   "nix/var/nix/profiles/system-3-link"),
			 0);
	assert_int_equal(symlinkat("/nix/store/" HASH_A "-tree", f->dir->fd,
				   "nix/var/nix/profiles/system-4-link"),
			 0);
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		AUTO_FREE char *link = NULL;

		unlinkat(f->dir->fd, "nix/var/nix/profiles/system", 0);
		if (profiles[i])
			assert_int_equal(symlinkat(profiles[i], f->dir->fd,
						   "nix/var/nix/profiles/system"),
					 0);
		assert_int_equal(
			store_profile_set(&f->target, "system", &f->a, &link, NULL, NULL),
			0);
		assert_string_equal(link, "/nix/var/nix/profiles/system-4-link");
		assert_link(f, "profiles/system", "system-4-link");
	}
}

static void absolute_link_to_a_generation_is_supported(void **state)
{
	const struct store_profile_fixture *f = *state;
	AUTO_FREE char *link = NULL;

	assert_int_equal(symlinkat("/nix/store/" HASH_A "-tree", f->dir->fd,
				   "nix/var/nix/profiles/system-4-link"),
			 0);
	assert_int_equal(symlinkat("/nix/var/nix/profiles/system-4-link", f->dir->fd,
				   "nix/var/nix/profiles/system"),
			 0);
	assert_int_equal(
		store_profile_set(&f->target, "system", &f->a, &link, NULL, NULL), 0);
	assert_string_equal(link, "/nix/var/nix/profiles/system-4-link");
}

static void invalid_names_are_usage_errors(void **state)
{
	static const char *const names[] = {
		"",	".",   "..",	   ".hidden",	    "a/b",     "/abs", "per-user",
		"a\nb", "a b", "\033[31m", "system-3-link", "-1-link", "a\x7f"
	};
	const struct store_profile_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char *link = NULL;
		struct nf_err err;
		char text[64];

		assert_int_equal(
			store_profile_set(&f->target, names[i], &f->a, &link, NULL, &err),
			-NF_E_USAGE);
		snprintf(text, sizeof(text), "'%s' is not the name of a profile",
			 names[i]);
		assert_string_equal(err.text, text);
		assert_null(link);
	}
}

static void leftovers_of_a_killed_run_are_removed(void **state)
{
	struct store_profile_fixture *f = *state;
	AUTO_FREE char *link = NULL;

	assert_int_equal(symlinkat("x", f->target.state_fd, "profiles/.nixferry.tmp"), 0);
	assert_int_equal(
		store_profile_set(&f->target, "system", &f->a, &link, NULL, NULL), 0);
	assert_int_equal(unlinkat(f->target.state_fd, "profiles/.nixferry.tmp", 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_profile_grows_by_generations, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			the_next_generation_is_above_all_that_exist, setup, teardown),
		cmocka_unit_test_setup_teardown(
			last_generation_is_reused_for_the_same_path, setup, teardown),
		cmocka_unit_test_setup_teardown(
			absolute_link_to_a_generation_is_supported, setup, teardown),
		cmocka_unit_test_setup_teardown(invalid_names_are_usage_errors, setup,
						teardown),
		cmocka_unit_test_setup_teardown(leftovers_of_a_killed_run_are_removed,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
