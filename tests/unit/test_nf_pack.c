/* What nf_pack makes of its options; test_pack has the bundles, and
 * tests/e2e/library.bats the installed function. */
#include "pool_fixture.h"

#include <nixferry/pack.h>
#include <string.h>

/* Packs a path of the pool, except for what CHANGE does to the options. */
static int pack_changed(struct pool_fixture *f, const struct made *m,
			void (*change)(struct nf_pack_options *o),
			struct nf_pack_result *ret)
{
	struct nf_pack_options o = {
		.pool_dir = f->dir,
		.roots = &m->info.path,
		.root_count = 1,
		.key = f->key,
		.keys = f->ring,
	};

	change(&o);
	return nf_pack("/dev/null", &o, ret, &f->err);
}

#define ROW(name, change)                                                                \
	static void name(struct nf_pack_options *o)                                      \
	{                                                                                \
		change;                                                                  \
	}
ROW(nothing, (void)o)
ROW(no_pool, o->pool_dir = NULL)
ROW(no_key, o->key = NULL)
ROW(no_root, o->root_count = 0)
ROW(level_over, o->level = 20)
ROW(level_under, o->level = -1)
ROW(bad_pool, o->pool_dir = "/dev/null/pool")
ROW(no_store, o->from_store = "/dev/null/root")

static void impossible_options_are_refused(void **state)
{
	static const struct {
		void (*change)(struct nf_pack_options *o);
		int code;
		const char *text;
	} rows[] = {
		{ no_pool, NF_E_USAGE, "needs a pool" },
		{ no_key, NF_E_USAGE, "needs a pool, a key" },
		{ no_root, NF_E_USAGE, "and roots" },
		{ level_over, NF_E_USAGE, "level 20 is not one of 0 to 19" },
		{ level_under, NF_E_USAGE, "level -1" },
		{ bad_pool, NF_E_SYS, "'/dev/null'" },
		{ no_store, NF_E_MISSING, "/dev/null/root" },
	};
	struct pool_fixture *f = *state;
	struct nf_pack_result result;
	struct made m;

	made_init(&m, f, "a", "text", NULL);
	pool_fixture_ingest(f, &m, 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_error(f, pack_changed(f, &m, rows[i].change, &result),
			     rows[i].code, rows[i].text);
	made_release(&m);
}

static void a_path_of_the_pool_is_packed(void **state)
{
	struct pool_fixture *f = *state;
	struct nf_pack_result result;
	struct made m, gone;

	made_init(&m, f, "a", "text", NULL);
	made_init(&gone, f, "gone", "text", NULL);
	pool_fixture_ingest(f, &m, 0);
	assert_ok(f, pack_changed(f, &m, nothing, &result));
	assert_int_equal(result.paths, 1);
	assert_int_equal(result.nar_bytes, m.nar.len);
	nf_pack_result_release(&result);
	assert_error(f, pack_changed(f, &gone, nothing, &result), NF_E_MISSING, "-gone");
	made_release(&gone);
	made_release(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(impossible_options_are_refused),
		FIXTURE_TEST(a_path_of_the_pool_is_packed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
