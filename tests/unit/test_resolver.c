#include "plan/resolver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

/* A world of small paths, each signed. */
struct resolver_world {
	struct resolver *r;
	struct nf_secret_key *key;
	struct nf_keyring *ring;
};

static void path_of(struct nf_storepath *sp, unsigned n)
{
	char base[64];

	snprintf(base, sizeof(base), "%032u-path%u", n, n);
	assert_int_equal(nf_storepath_parse_base(sp, nf_slice_str(base), NULL), 0);
}

static int make_world(void **state)
{
	struct resolver_world *w = mem_calloc(1, sizeof(*w));
	char *public;

	w->r = resolver_new();
	w->ring = nf_keyring_new();
	assert_int_equal(nf_secret_key_generate(&w->key, NF_SLICE_LIT("test-1"), NULL),
			 0);
	public = nf_secret_key_public(w->key);
	assert_int_equal(nf_keyring_add(w->ring, nf_slice_str(public), NULL), 0);
	free(public);
	*state = w;
	return 0;
}

static int drop_world(void **state)
{
	struct resolver_world *w = *state;

	resolver_free(w->r);
	nf_keyring_free(w->ring);
	nf_secret_key_free(w->key);
	free(w);
	return 0;
}

/* A cache's answer about path N; CONTENT identifies its bytes. */
static void narinfo_of(struct resolver_world *w, struct nf_narinfo *ni, unsigned n,
		       uint8_t content, const unsigned *refs, size_t nrefs)
{
	struct nf_storepath ref;
	char *message, *sig;

	nf_narinfo_init(ni);
	path_of(&ni->info.path, n);
	ni->info.nar_hash.algo = NF_SHA256;
	ni->info.nar_hash.bytes[0] = content;
	ni->info.nar_size = 100 + n;
	ni->url = NF_SLICE_LIT("nar/x.nar.xz");
	ni->compression = NF_SLICE_LIT("xz");
	ni->file_size = 50;
	for (size_t i = 0; i < nrefs; i++) {
		path_of(&ref, refs[i]);
		assert_int_equal(
			nf_pathinfo_add_ref(&ni->info, nf_storepath_base(&ref), NULL), 0);
	}
	message = nf_pathinfo_fingerprint(&ni->info);
	sig = nf_sign(w->key, message, strlen(message));
	nf_pathinfo_add_sig(&ni->info, nf_slice_str(sig));
	free(message);
	free(sig);
}

static int answer(struct resolver_world *w, uint32_t id, uint32_t cache, unsigned n,
		  uint8_t content, const unsigned *refs, size_t nrefs, struct nf_err *err)
{
	struct nf_narinfo ni;
	struct nf_trusted t;
	int rc;

	narinfo_of(w, &ni, n, content, refs, nrefs);
	assert_int_equal(nf_trust_pathinfo(&t, &ni.info, w->ring, NULL), 0);
	rc = resolver_found(w->r, id, cache, &ni, &t, err);
	nf_narinfo_release(&ni);
	return rc;
}

static uint32_t want_path(struct resolver_world *w, unsigned n, uint16_t caches)
{
	struct nf_storepath sp;
	uint32_t id;

	path_of(&sp, n);
	id = resolver_want(w->r, &sp);
	resolver_asked(w->r, id, caches);
	return id;
}

/* What is kept of a verdict is as much as it was, and not more. */
static void trust_by_store_is_recorded(void **state)
{
	struct resolver_world *w = *state;
	struct nf_keyring *nobody = nf_keyring_new();
	uint32_t by_store = want_path(w, 1, 1), by_key = want_path(w, 2, 1);
	struct nf_pathinfo info;
	struct nf_narinfo ni;
	struct nf_trusted t;

	narinfo_of(w, &ni, 1, 1, NULL, 0);
	nf_trust_by_store(&t, &ni.info);
	assert_int_equal(resolver_found(w->r, by_store, 0, &ni, &t, NULL), 0);
	nf_narinfo_release(&ni);
	assert_int_equal(resolver_trusted(w->r, by_store, nobody, &info, &t, NULL), 0);
	assert_true(t.by_store);
	nf_pathinfo_release(&info);

	assert_int_equal(answer(w, by_key, 0, 2, 1, NULL, 0, NULL), 0);
	assert_int_equal(resolver_trusted(w->r, by_key, nobody, &info, &t, NULL),
			 -NF_E_TRUST);
	nf_pathinfo_release(&info);
	nf_keyring_free(nobody);
}

static void each_reference_is_requested_once(void **state)
{
	struct resolver_world *w = *state;
	uint32_t top = want_path(w, 1, 1);

	assert_int_equal(answer(w, top, 0, 1, 1, (unsigned[]){ 1, 2, 3 }, 3, NULL), 0);
	assert_int_equal(resolver_count(w->r), 3);
	assert_int_equal(resolver_open_count(w->r), 2);
	resolver_asked(w->r, 1, 1);
	resolver_asked(w->r, 2, 1);
	assert_int_equal(answer(w, 1, 0, 2, 2, (unsigned[]){ 3 }, 1, NULL), 0);
	assert_int_equal(answer(w, 2, 0, 3, 3, NULL, 0, NULL), 0);
	assert_int_equal(resolver_count(w->r), 3);
	assert_int_equal(resolver_open_count(w->r), 0);
	assert_int_equal(resolver_node(w->r, top)->refs[0], top);
}

static void not_found_at(struct resolver_world *w, uint32_t id, uint32_t cache, int code,
			 const char *text)
{
	const struct resolver_reason why = {
		.cause = cause_of_code(code),
		.code = code,
		.cache = cache,
		.text = text,
		.detail = text,
	};

	resolver_not_found(w->r, id, &why);
}

static void not_found(struct resolver_world *w, uint32_t id, int code, const char *text)
{
	not_found_at(w, id, 0, code, text);
}

static void path_is_unknown_after_all_answers(void **state)
{
	struct resolver_world *w = *state;
	uint32_t id = want_path(w, 1, 3);

	not_found(w, id, 0, "");
	not_found(w, id, NF_E_NET, "cache 'b': it is down");
	assert_int_equal(resolver_node(w->r, id)->state, RESOLVER_WANTED);
	not_found(w, id, 0, "");
	assert_int_equal(resolver_node(w->r, id)->state, RESOLVER_UNKNOWN);
	assert_int_equal(resolver_node(w->r, id)->why, NF_E_NET);
	assert_string_equal(resolver_node(w->r, id)->why_text, "cache 'b': it is down");
	assert_int_equal(resolver_open_count(w->r), 0);
}

static void most_severe_answer_is_the_reason(void **state)
{
	struct resolver_world *w = *state;
	uint32_t id = want_path(w, 1, 3);

	not_found(w, id, -NF_E_FORMAT, "line 1");
	not_found(w, id, -NF_E_TRUST, "no signature");
	not_found(w, id, -NF_E_NET, "down");
	assert_int_equal(resolver_node(w->r, id)->why, NF_E_TRUST);
	assert_string_equal(resolver_node(w->r, id)->why_text, "no signature");
}

/* A trusted answer may come between them, and its NAR be gone. */
static void most_severe_answer_is_the_reason_in_any_order(void **state)
{
	struct resolver_world *w = *state;
	uint32_t before = want_path(w, 1, 2), after = want_path(w, 2, 2);

	not_found_at(w, before, 1, NF_E_TRUST, "no signature");
	assert_int_equal(answer(w, before, 0, 1, 1, NULL, 0, NULL), 0);
	assert_int_equal(answer(w, after, 0, 2, 2, NULL, 0, NULL), 0);
	not_found_at(w, after, 1, NF_E_TRUST, "no signature");
	resolver_set_reason(w->r, before, NF_E_MISSING, "status 404");
	resolver_set_reason(w->r, after, NF_E_MISSING, "status 404");
	assert_int_equal(resolver_node(w->r, before)->why, NF_E_TRUST);
	assert_int_equal(resolver_node(w->r, after)->why, NF_E_TRUST);
}

/* The result must not depend on which cache answers first. */
static void first_cache_wins_among_equal_reasons(void **state)
{
	struct resolver_world *w = *state;
	uint32_t id = want_path(w, 1, 4);
	struct resolver_reason why = {
		.cause = CAUSE_DENIED,
		.code = NF_E_NET,
		.cache = 3,
		.text = "t",
		.detail = "d",
	};

	not_found_at(w, id, 2, NF_E_NET, "cache 2 is down");
	not_found_at(w, id, 1, NF_E_NET, "cache 1 is down");
	assert_int_equal(resolver_node(w->r, id)->reason->cache, 1);
	assert_string_equal(resolver_node(w->r, id)->why_text, "cache 1 is down");
	resolver_not_found(w->r, id, &why);
	assert_int_equal(resolver_node(w->r, id)->reason->cause, CAUSE_DENIED);
	not_found_at(w, id, 0, NF_E_NET, "cache 0 is down");
	assert_int_equal(resolver_node(w->r, id)->reason->cache, 3);
}

static void absent_path_has_no_reason(void **state)
{
	struct resolver_world *w = *state;
	uint32_t id = want_path(w, 1, 1);

	not_found(w, id, 0, "");
	assert_null(resolver_node(w->r, id)->reason);
	assert_int_equal(resolver_node(w->r, id)->why, 0);
}

/* A cache that has lost its file must not hide that another one served a wrong one. */
static void lie_outweighs_absence(void **state)
{
	struct resolver_world *w = *state;
	struct nf_storepath sp;
	uint32_t id;

	path_of(&sp, 1);
	id = resolver_want(w->r, &sp);
	resolver_set_reason(w->r, id, NF_E_HASH, "wrong bytes");
	resolver_set_reason(w->r, id, NF_E_MISSING, "status 404");
	assert_int_equal(resolver_node(w->r, id)->why, NF_E_HASH);
	assert_string_equal(resolver_node(w->r, id)->why_text, "wrong bytes");
	resolver_set_reason(w->r, id, -NF_E_TRUST, "no signature");
	assert_int_equal(resolver_node(w->r, id)->why, NF_E_TRUST);
}

static void without_caches_everything_is_unknown(void **state)
{
	struct resolver_world *w = *state;
	uint32_t id = want_path(w, 1, 0);

	assert_int_equal(resolver_node(w->r, id)->state, RESOLVER_UNKNOWN);
}

static void only_agreeing_sources_are_collected(void **state)
{
	struct resolver_world *w = *state;
	uint32_t id = want_path(w, 1, 3);
	const struct resolver_node *n = resolver_node(w->r, id);
	struct nf_err err;

	assert_int_equal(answer(w, id, 2, 1, 7, NULL, 0, &err), 0);
	assert_int_equal(answer(w, id, 0, 1, 8, NULL, 0, &err), -NF_E_HASH);
	assert_non_null(strstr(err.text, "trusted sources disagree"));
	assert_int_equal(answer(w, id, 1, 1, 7, NULL, 0, &err), 0);
	assert_int_equal(n->offers->cache, 2);
	assert_int_equal(n->offers->next->cache, 1);
	assert_null(n->offers->next->next);
	assert_int_equal(n->nar_hash[0], 7);
}

/* ---- disputes ---- */

/* The answer of an untrusted cache. */
static void answer_unvouched(struct resolver_world *w, uint32_t id, uint32_t cache,
			     unsigned n, uint8_t content)
{
	struct nf_narinfo ni;

	narinfo_of(w, &ni, n, content, NULL, 0);
	resolver_unvouched(w->r, id, cache, &ni.info);
	not_found(w, id, -NF_E_TRUST, "no signature");
	nf_narinfo_release(&ni);
}

static const struct resolver_dispute *the_only_dispute(struct resolver_world *w)
{
	const struct resolver_dispute *d;
	size_t count;

	assert_int_equal(resolver_disputes(w->r, &d, &count), 1);
	assert_int_equal(count, 1);
	return d;
}

static void assert_no_dispute(struct resolver_world *w)
{
	const struct resolver_dispute *d;
	size_t count;

	assert_int_equal(resolver_disputes(w->r, &d, &count), 0);
	assert_int_equal(count, 0);
}

static void trusted_answers_that_differ_are_a_dispute(void **state)
{
	struct resolver_world *w = *state;
	uint32_t id = want_path(w, 1, 3);
	const struct resolver_dispute *d;
	struct nf_err err;

	assert_int_equal(answer(w, id, 2, 1, 7, NULL, 0, &err), 0);
	assert_no_dispute(w);
	assert_int_equal(answer(w, id, 0, 1, 8, NULL, 0, &err), -NF_E_HASH);
	assert_int_equal(answer(w, id, 1, 1, 7, NULL, 0, &err), 0);
	d = the_only_dispute(w);
	assert_int_equal(d->id, id);
	assert_int_equal(d->known.cache, 2);
	assert_int_equal(d->known.nar_hash[0], 7);
	assert_string_equal(d->known.vouched_by, "test-1");
	assert_int_equal(d->other.cache, 0);
	assert_int_equal(d->other.nar_hash[0], 8);
	assert_string_equal(d->other.vouched_by, "test-1");
}

/* Whichever comes first. */
static void differing_unsigned_answer_is_a_dispute(void **state)
{
	for (int unsigned_first = 0; unsigned_first < 2; unsigned_first++) {
		struct resolver_world *w = *state;
		uint32_t id = want_path(w, 1, 2);
		const struct resolver_dispute *d;

		if (unsigned_first)
			answer_unvouched(w, id, 0, 1, 9);
		assert_no_dispute(w);
		assert_int_equal(answer(w, id, 1, 1, 7, NULL, 0, NULL), 0);
		if (!unsigned_first)
			answer_unvouched(w, id, 0, 1, 9);
		d = the_only_dispute(w);
		assert_int_equal(d->known.cache, 1);
		assert_int_equal(d->known.nar_hash[0], 7);
		assert_int_equal(d->other.cache, 0);
		assert_int_equal(d->other.nar_hash[0], 9);
		assert_null(d->other.vouched_by);
		assert_int_equal(d->other.nar_size, 101);
		the_only_dispute(w); /* and reported again */
		assert_int_equal(resolver_node(w->r, id)->nar_hash[0], 7);
		drop_world(state);
		make_world(state);
	}
}

static void agreeing_unsigned_answer_is_not_a_dispute(void **state)
{
	struct resolver_world *w = *state;
	uint32_t early = want_path(w, 1, 2), late = want_path(w, 2, 2),
		 never = want_path(w, 3, 2);

	answer_unvouched(w, early, 0, 1, 7);
	assert_int_equal(answer(w, early, 1, 1, 7, NULL, 0, NULL), 0);
	assert_int_equal(answer(w, late, 1, 2, 7, NULL, 0, NULL), 0);
	answer_unvouched(w, late, 0, 2, 7);
	/* Disagreements between untrusted answers do not matter. */
	answer_unvouched(w, never, 0, 3, 5);
	answer_unvouched(w, never, 1, 3, 6);
	assert_int_equal(resolver_node(w->r, never)->state, RESOLVER_UNKNOWN);
	assert_no_dispute(w);
}

static void the_pool_may_be_one_side_of_a_dispute(void **state)
{
	struct resolver_world *w = *state;
	uint32_t id = want_path(w, 1, 1);

	assert_int_equal(answer(w, id, RESOLVER_HERE, 1, 7, NULL, 0, NULL), 0);
	answer_unvouched(w, id, 0, 1, 8);
	assert_int_equal(the_only_dispute(w)->known.cache, RESOLVER_HERE);
}

static void too_many_disputes_are_counted(void **state)
{
	struct resolver_world *w = *state;
	const struct resolver_dispute *d;
	size_t count;

	for (unsigned n = 1; n <= RESOLVER_DISPUTES_MAX + 5; n++) {
		uint32_t id = want_path(w, n, 2);

		assert_int_equal(answer(w, id, 1, n, 7, NULL, 0, NULL), 0);
		answer_unvouched(w, id, 0, n, 9);
	}
	assert_int_equal(resolver_disputes(w->r, &d, &count), RESOLVER_DISPUTES_MAX + 5);
	assert_int_equal(count, RESOLVER_DISPUTES_MAX);
}

static void metadata_is_verified_again_before_use(void **state)
{
	struct resolver_world *w = *state;
	uint32_t id = want_path(w, 1, 1);
	struct nf_keyring *nobody = nf_keyring_new();
	struct nf_pathinfo info;
	struct nf_trusted t;

	assert_int_equal(answer(w, id, 0, 1, 7, (unsigned[]){ 1, 5 }, 2, NULL), 0);
	assert_int_equal(resolver_trusted(w->r, id, w->ring, &info, &t, NULL), 0);
	assert_int_equal(info.nrefs, 2);
	assert_string_equal(t.vouched_by, "test-1");
	nf_pathinfo_release(&info);
	assert_int_equal(resolver_trusted(w->r, id, nobody, &info, &t, NULL),
			 -NF_E_TRUST);
	nf_pathinfo_release(&info);
	nf_keyring_free(nobody);
}

/* The signature does not cover the content address. */
static void mismatched_content_address_is_dropped(void **state)
{
	struct resolver_world *w = *state;
	uint32_t id = want_path(w, 1, 2);
	struct nf_narinfo ni;
	struct nf_pathinfo info;
	struct nf_trusted t;

	narinfo_of(w, &ni, 1, 7, NULL, 0);
	nf_pathinfo_set_ca(
		&ni.info,
		NF_SLICE_LIT(
			"fixed:r:sha256:0ip26j2h11n1kgkz36rl4akv694yz65hr72q4kv4b3lxcbi65b3p"));
	assert_int_equal(nf_trust_pathinfo(&t, &ni.info, w->ring, NULL), 0);
	assert_int_equal(resolver_found(w->r, id, 0, &ni, &t, NULL), 0);
	nf_narinfo_release(&ni);
	assert_null(resolver_node(w->r, id)->ca);
	assert_int_equal(resolver_trusted(w->r, id, w->ring, &info, &t, NULL), 0);
	assert_int_equal(info.ca.len, 0);
	nf_pathinfo_release(&info);
}

static void matching_content_address_is_kept(void **state)
{
	struct resolver_world *w = *state;
	struct nf_hash hash = { .algo = NF_SHA256 };
	struct nf_narinfo ni;
	struct nf_trusted t;
	uint32_t id;

	nf_narinfo_init(&ni);
	assert_int_equal(nf_storepath_make(&ni.info.path, "source", &hash,
					   NF_SLICE_LIT("x"), NULL),
			 0);
	ni.info.nar_hash = hash;
	ni.info.nar_size = 1;
	ni.url = NF_SLICE_LIT("nar/x.nar");
	ni.compression = NF_SLICE_LIT("none");
	nf_pathinfo_set_ca(
		&ni.info,
		NF_SLICE_LIT(
			"fixed:r:sha256:0000000000000000000000000000000000000000000000000000"));
	assert_int_equal(nf_trust_pathinfo(&t, &ni.info, w->ring, NULL), 0);
	id = resolver_want(w->r, &ni.info.path);
	resolver_asked(w->r, id, 1);
	assert_int_equal(resolver_found(w->r, id, 0, &ni, &t, NULL), 0);
	nf_narinfo_release(&ni);
	assert_non_null(resolver_node(w->r, id)->ca);
}

/* The cache's answer is another one than before. */
static void answer_at(struct resolver_world *w, uint32_t id, uint32_t cache,
		      const char *url)
{
	struct nf_narinfo ni;
	struct nf_trusted t;

	narinfo_of(w, &ni, 1, 7, NULL, 0);
	ni.url = nf_slice_str(url);
	assert_int_equal(nf_trust_pathinfo(&t, &ni.info, w->ring, NULL), 0);
	assert_int_equal(resolver_found(w->r, id, cache, &ni, &t, NULL), 0);
	nf_narinfo_release(&ni);
}

static void source_may_be_replaced_once(void **state)
{
	struct resolver_world *w = *state;
	uint32_t id = want_path(w, 1, 2);
	const struct resolver_offer *before, *other;

	assert_false(resolver_asks_anew(w->r, id, 0));
	answer_at(w, id, 0, "nar/old");
	answer_at(w, id, 1, "nar/other");
	before = resolver_offer_of(w->r, id, 0);
	other = resolver_offer_of(w->r, id, 1);
	assert_true(resolver_asks_anew(w->r, id, 0));
	assert_int_equal(resolver_node(w->r, id)->pending, 1);
	assert_false(resolver_asks_anew(w->r, id, 0));
	answer_at(w, id, 0, "nar/new");
	assert_int_equal(resolver_node(w->r, id)->pending, 0);
	assert_string_equal(before->url, "nar/old");
	assert_string_equal(resolver_offer_of(w->r, id, 0)->url, "nar/new");
	assert_ptr_equal(resolver_offer_of(w->r, id, 0)->next, other);
	assert_ptr_equal(resolver_offer_of(w->r, id, 1), other);
	assert_false(resolver_asks_anew(w->r, id, 0));
}

static void repeated_answer_changes_nothing(void **state)
{
	struct resolver_world *w = *state;
	uint32_t id = want_path(w, 1, 1);
	const struct resolver_offer *before;

	answer_at(w, id, 0, "nar/same");
	before = resolver_offer_of(w->r, id, 0);
	assert_true(resolver_asks_anew(w->r, id, 0));
	answer_at(w, id, 0, "nar/same");
	assert_ptr_equal(resolver_offer_of(w->r, id, 0), before);
	assert_null(before->next);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make_world, drop_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lie_outweighs_absence),
		TEST(trust_by_store_is_recorded),
		TEST(each_reference_is_requested_once),
		TEST(path_is_unknown_after_all_answers),
		TEST(most_severe_answer_is_the_reason),
		TEST(most_severe_answer_is_the_reason_in_any_order),
		TEST(first_cache_wins_among_equal_reasons),
		TEST(absent_path_has_no_reason),
		TEST(without_caches_everything_is_unknown),
		TEST(only_agreeing_sources_are_collected),
		TEST(trusted_answers_that_differ_are_a_dispute),
		TEST(differing_unsigned_answer_is_a_dispute),
		TEST(agreeing_unsigned_answer_is_not_a_dispute),
		TEST(the_pool_may_be_one_side_of_a_dispute),
		TEST(too_many_disputes_are_counted),
		TEST(source_may_be_replaced_once),
		TEST(repeated_answer_changes_nothing),
		TEST(metadata_is_verified_again_before_use),
		TEST(mismatched_content_address_is_dropped),
		TEST(matching_content_address_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
