/* Resolving installables: paths, and derivations by querying caches and a store. */
#include "cmd/requested.h"

#include <string.h>

#include "base/mem.h"
#include "engine_fixture.h"
#include "store_fixture.h"

#define DRV	  "00000000000000000000000000000000-x.drv"
#define DRV_STORE "/nix/store/" DRV

struct requested_fixture {
	struct engine_fixture *f;
	struct temp_dir *root;
	struct local_store *store;
	struct installables installables;
	struct made output;
};

static int setup(void **state)
{
	struct requested_fixture *x = mem_calloc(1, sizeof(*x));

	engine_fixture_setup((void **)&x->f);
	temp_dir_setup((void **)&x->root);
	store_fixture_make(x->root);
	made_init(&x->output, x->f->pool, "output", "output", NULL);
	engine_fixture_add_cache(x->f);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct requested_fixture *x = *state;

	local_store_free(x->store);
	installables_release(&x->installables);
	made_release(&x->output);
	temp_dir_teardown((void **)&x->root);
	engine_fixture_teardown((void **)&x->f);
	free(x);
	return 0;
}

static void add_target(struct requested_fixture *x, const char *text)
{
	assert_ok(x->f,
		  installables_add(&x->installables, nf_slice_str(text), &x->f->err));
}

/* A store that has the derivation, with one output. */
static void add_derivation(struct requested_fixture *x)
{
	char out[NF_STOREPATH_TEXT_MAX];
	AUTO_FREE char *text =
		mem_printf("Derive([(\"out\",\"%s\",\"\",\"\")],[],[],\"s\",\"b\",[],[])",
			   nf_storepath_format(out, &x->output.info.path));

	temp_dir_write(x->root, "nix/store/" DRV, text);
	store_fixture_sql(
		x->root,
		"INSERT INTO ValidPaths (path, hash, registrationTime, narSize) "
		"VALUES ('" DRV_STORE "', 'sha256:"
		"0000000000000000000000000000000000000000000000000000000000000000"
		"', 1, 100)");
	assert_ok(x->f, local_store_open(&x->store, x->root->path, &x->f->err));
}

static struct requested find_requested(struct requested_fixture *x, bool build_inputs)
{
	const struct requested_options o = {
		.fetch = &x->f->opts,
		.store = x->store,
		.build_inputs = build_inputs,
	};
	struct requested w;

	assert_ok(x->f, requested_find(&w, &x->installables, &o, &x->f->err));
	return w;
}

static void literal_paths_are_accepted(void **state)
{
	struct requested_fixture *x = *state;
	char text[NF_STOREPATH_TEXT_MAX];
	struct requested w;

	add_target(x, nf_storepath_format(text, &x->output.info.path));
	w = find_requested(x, false);
	assert_int_equal(w.count, 1);
	assert_string_equal(w.paths[0].base, x->output.info.path.base);
	assert_int_equal(requested_verdict(&w, NULL), 0);
	/* No cache is queried for that. */
	assert_int_equal(engine_fixture_asked(x->f, 0, "nix-cache-info"), 0);
	requested_release(&w);
}

static void derivation_stands_for_its_outputs(void **state)
{
	struct requested_fixture *x = *state;
	struct requested w;

	add_derivation(x);
	engine_fixture_offer_narinfo(x->f, 0, &x->output);
	add_target(x, DRV_STORE "^out");
	w = find_requested(x, false);
	assert_int_equal(requested_verdict(&w, NULL), 0);
	assert_int_equal(w.count, 1);
	assert_string_equal(w.paths[0].base, x->output.info.path.base);
	assert_int_equal(w.build_count, 0);
	requested_release(&w);
}

static void output_in_no_cache_must_be_built(void **state)
{
	struct requested_fixture *x = *state;
	struct nf_err err = { 0 };
	struct requested w;

	add_derivation(x);
	add_target(x, DRV_STORE);
	w = find_requested(x, false);
	assert_int_equal(requested_verdict(&w, &err), -NF_E_MISSING);
	assert_text(err.text, DRV);
	assert_text(err.text, "--with-build-inputs");
	assert_int_equal(w.count, 0);
	assert_int_equal(w.build_count, 1);
	assert_string_equal(w.builds[0].base, DRV);
	requested_release(&w);
}

/* Then the derivation itself is included, to be built elsewhere. */
static void with_build_inputs_the_derivation_is_included(void **state)
{
	struct requested_fixture *x = *state;
	struct requested w;

	add_derivation(x);
	add_target(x, DRV_STORE);
	w = find_requested(x, true);
	assert_int_equal(requested_verdict(&w, NULL), 0);
	assert_int_equal(w.build_count, 1);
	assert_int_equal(w.count, 1);
	assert_string_equal(w.paths[0].base, DRV);
	requested_release(&w);
}

static void a_derivation_that_nobody_has_is_unknown(void **state)
{
	struct requested_fixture *x = *state;
	struct nf_err err = { 0 };
	struct requested w;

	add_target(x, DRV_STORE);
	w = find_requested(x, false);
	assert_int_equal(requested_verdict(&w, &err), -NF_E_MISSING);
	assert_text(err.text, DRV);
	assert_int_equal(w.unknown, 1);
	assert_int_equal(w.count, 0);
	requested_release(&w);
}

#define WANTED_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WANTED_TEST(literal_paths_are_accepted),
		WANTED_TEST(derivation_stands_for_its_outputs),
		WANTED_TEST(output_in_no_cache_must_be_built),
		WANTED_TEST(with_build_inputs_the_derivation_is_included),
		WANTED_TEST(a_derivation_that_nobody_has_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
