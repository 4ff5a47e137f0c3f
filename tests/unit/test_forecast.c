#include "plan/forecast.h"

#include <stdio.h>

#include "expect.h"

#include "base/cleanup.h"

static void path_of(struct nf_storepath *path, unsigned n)
{
	char base[64];

	snprintf(base, sizeof(base), "%032u-path%u", n, n);
	assert_int_equal(nf_storepath_parse_base(path, nf_slice_str(base), NULL), 0);
}

static uint32_t want_path(struct resolver *r, unsigned n)
{
	struct nf_storepath path;

	path_of(&path, n);
	return resolver_want(r, &path);
}

/* Path N is had, and refers to these; the last is 0. */
static void have(struct resolver *r, unsigned n, const unsigned *refs)
{
	AUTO(nf_narinfo_release) struct nf_narinfo ni = { 0 };
	struct nf_storepath ref;
	struct nf_trusted t;

	nf_narinfo_init(&ni);
	path_of(&ni.info.path, n);
	ni.info.nar_hash.algo = NF_SHA256;
	ni.info.nar_size = 1;
	for (; *refs; refs++) {
		path_of(&ref, *refs);
		assert_int_equal(
			nf_pathinfo_add_ref(&ni.info, nf_storepath_base(&ref), NULL), 0);
	}
	nf_trust_by_store(&t, &ni.info);
	assert_int_equal(resolver_found(r, want_path(r, n), RESOLVER_HERE, &ni, &t, NULL),
			 0);
}

static void lack(struct resolver *r, unsigned n, int code)
{
	const struct resolver_reason why = { .code = code, .text = "a reason" };
	uint32_t id = want_path(r, n);

	resolver_asked(r, id, 1);
	resolver_not_found(r, id, &why);
}

#define REFS(...) ((const unsigned[]){ __VA_ARGS__, 0 })

static void present_closure_is_complete(void **state)
{
	AUTO(resolver_freep) struct resolver *r = resolver_new();
	AUTO(forecast_release) struct forecast w = { 0 };

	(void)state;
	have(r, 1, REFS(1, 2));
	have(r, 2, REFS(3));
	have(r, 3, REFS(0));
	forecast_make(&w, r);
	assert_int_equal(w.count, 3);
	assert_int_equal(w.unknown + w.others, 0);
	assert_int_equal(w.why, 0);
}

static void dependents_of_a_missing_path_are_incomplete(void **state)
{
	AUTO(resolver_freep) struct resolver *r = resolver_new();
	AUTO(forecast_release) struct forecast w = { 0 };

	(void)state;
	/* 1 -> 2 -> 4 and 1 -> 3 -> 4, which is missing; 5 beside them. */
	have(r, 1, REFS(1, 2, 3));
	have(r, 2, REFS(4, 5));
	have(r, 3, REFS(3, 4));
	lack(r, 4, NF_E_MISSING);
	have(r, 5, REFS(0));
	forecast_make(&w, r);
	assert_int_equal(w.unknown, 1);
	assert_int_equal(w.others, 3);
	assert_int_equal(w.count, 1);
	assert_int_equal(w.why, NF_E_MISSING);
	for (unsigned n = 1; n <= 5; n++)
		assert_int_equal(w.lacks[want_path(r, n)], n != 5);
}

static void most_severe_reason_counts(void **state)
{
	AUTO(resolver_freep) struct resolver *r = resolver_new();
	AUTO(forecast_release) struct forecast w = { 0 };

	(void)state;
	lack(r, 1, 0);
	lack(r, 2, NF_E_TRUST);
	lack(r, 3, NF_E_NET);
	forecast_make(&w, r);
	assert_int_equal(w.unknown, 3);
	assert_int_equal(w.count, 0);
	assert_int_equal(w.why, NF_E_TRUST);
}

static void empty_pool_has_nothing_complete(void **state)
{
	AUTO(resolver_freep) struct resolver *r = resolver_new();
	AUTO(forecast_release) struct forecast w = { 0 };

	(void)state;
	forecast_make(&w, r);
	assert_int_equal(w.count + w.unknown + w.others, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(present_closure_is_complete),
		cmocka_unit_test(dependents_of_a_missing_path_are_incomplete),
		cmocka_unit_test(most_severe_reason_counts),
		cmocka_unit_test(empty_pool_has_nothing_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
