/* What the real engine refuses before anything is fetched. */
#include "cmd/preflight.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine_fixture.h"

static void bundle_and_report_cannot_share_standard_output(void **state)
{
	struct nf_err err = { 0 };

	(void)state;
	assert_int_equal(preflight_output("-", true, true, &err), -NF_E_USAGE);
	assert_text(err.text, "--json");
	assert_int_equal(preflight_output("/dev/null", true, true, &err), 0);
	assert_int_equal(preflight_output("/no/such/directory/x", false, true, &err),
			 -NF_E_USAGE);
}

/* A path of SIZE bytes, as far as its signed narinfo says. */
static void offer_of_size(struct engine_fixture *f, struct made *m, uint64_t size)
{
	AUTO_FREE char *fingerprint = NULL, *sig = NULL;

	made_init_nar(m, NULL, "huge", "x", 1, NULL);
	m->info.nar_size = size;
	fingerprint = nf_pathinfo_fingerprint(&m->info);
	sig = nf_sign(f->pool->key, fingerprint, strlen(fingerprint));
	nf_pathinfo_add_sig(&m->info, nf_slice_str(sig));
	engine_fixture_add_cache(f);
	engine_fixture_offer_narinfo(f, 0, m);
	engine_fixture_want(f, m);
}

static void fetch_with(struct engine_fixture *f, struct preflight *p)
{
	p->pool = f->pool->pool;
	f->opts.level = POOL_KEEP;
	f->opts.check_sizes = preflight_sizes;
	f->opts.check_ctx = p;
	f->opts.check_first = true;
	engine_fixture_fetch(f);
}

static void oversized_path_is_refused_before_any_nar_request(void **state)
{
	struct engine_fixture *f = *state;
	const struct fetched_bundle bundle = { .output = NULL };
	struct preflight p = { .bundle = &bundle };
	struct made m;

	offer_of_size(f, &m, 1ULL << 49);
	fetch_with(f, &p);
	assert_int_equal(f->rc, -NF_E_NOSPACE);
	assert_text(f->err.text, f->pool->dir);
	assert_int_equal(engine_fixture_asked(f, 0, "nar/huge"), 0);
	/* What fills nothing, fits anywhere. */
	p.fills_nothing = true;
	fetch_with(f, &p);
	assert_int_not_equal(f->rc, -NF_E_NOSPACE);
	assert_int_not_equal(engine_fixture_asked(f, 0, "nar/huge"), 0);
	made_release(&m);
}

/* The pool has all, but the bundle of it would be as large again. */
static void bundle_needs_space_too(void **state)
{
	struct engine_fixture *f = *state;
	AUTO_FREE char *output = mem_printf("%s/bundle", f->pool->top);
	const struct fetched_bundle bundle = { .output = output };
	struct preflight p = { .bundle = &bundle };
	struct made m;

	offer_of_size(f, &m, 1ULL << 49);
	fetch_with(f, &p);
	assert_int_equal(f->rc, -NF_E_NOSPACE);
	assert_text(f->err.text, "the file system of pool");
	assert_text(f->err.text, output);
	made_release(&m);
}

static void keep_going_checks_sizes_before_fetching(void **state)
{
	struct engine_fixture *f = *state;
	const struct fetched_bundle bundle = { .output = NULL };
	struct preflight p = { .bundle = &bundle,
			       .pool = f->pool->pool,
			       .keeps_going = true };

	assert_true(preflight_comes_first(&p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bundle_and_report_cannot_share_standard_output),
		ENGINE_TEST(oversized_path_is_refused_before_any_nar_request),
		ENGINE_TEST(bundle_needs_space_too),
		ENGINE_TEST(keep_going_checks_sizes_before_fetching),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
