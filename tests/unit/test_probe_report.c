#include "caches/probe_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

#define PATH "00000000000000000000000000000001-path"

/* Two caches under one key that is trusted, and a key that is not. */
struct probe_world {
	struct substituter confs[2];
	struct probe_report reports[2];
	struct nf_secret_key *key, *stranger;
	struct nf_keyring *ring;
};

static int make_world(void **state)
{
	static char urls[2][16] = { "http://a", "http://b" };
	struct probe_world *w = mem_calloc(1, sizeof(*w));
	char *public;

	for (size_t i = 0; i < 2; i++) {
		w->confs[i].url = urls[i];
		w->reports[i].conf = &w->confs[i];
	}
	w->ring = nf_keyring_new();
	assert_int_equal(nf_secret_key_generate(&w->key, NF_SLICE_LIT("lan-1"), NULL), 0);
	assert_int_equal(
		nf_secret_key_generate(&w->stranger, NF_SLICE_LIT("stranger-1"), NULL),
		0);
	public = nf_secret_key_public(w->key);
	assert_int_equal(nf_keyring_add(w->ring, nf_slice_str(public), NULL), 0);
	free(public);
	*state = w;
	return 0;
}

static int drop_world(void **state)
{
	struct probe_world *w = *state;

	for (size_t i = 0; i < 2; i++)
		probe_report_release(&w->reports[i]);
	nf_keyring_free(w->ring);
	nf_secret_key_free(w->key);
	nf_secret_key_free(w->stranger);
	free(w);
	return 0;
}

/* KEY may be NULL: not signed; WRONG: over other facts. */
static void show(struct probe_world *w, size_t i, const struct nf_secret_key *key,
		 bool wrong)
{
	struct nf_narinfo ni;
	char *message, *sig;

	nf_narinfo_init(&ni);
	assert_int_equal(nf_storepath_parse_base(&ni.info.path, NF_SLICE_LIT(PATH), NULL),
			 0);
	ni.info.nar_hash.algo = NF_SHA256;
	ni.info.nar_size = 5;
	ni.url = NF_SLICE_LIT("nar/x");
	if (key) {
		message = nf_pathinfo_fingerprint(&ni.info);
		sig = nf_sign(key, message, strlen(message) - wrong);
		nf_pathinfo_add_sig(&ni.info, nf_slice_str(sig));
		free(message);
		free(sig);
	}
	w->reports[i].asked++;
	probe_report_narinfo(&w->reports[i], &ni, w->ring);
	nf_narinfo_release(&ni);
}

static void assert_advice(struct probe_world *w, size_t i, const char *want)
{
	AUTO_BUF struct buf out = { 0 };

	buf_init(&out, 65536);
	buf_add_str(&out, "");
	probe_report_advise(&out, &w->reports[i]);
	assert_string_equal(out.ptr ? out.ptr : "", want);
}

static void paths_signed_by_a_trusted_key_are_usable(void **state)
{
	struct probe_world *w = *state;

	show(w, 0, w->key, false);
	show(w, 0, w->key, false);
	assert_true(probe_report_usable(&w->reports[0]));
	assert_int_equal(w->reports[0].trusted, 2);
	assert_int_equal(w->reports[0].key_count, 1);
	assert_string_equal(w->reports[0].keys[0].name, "lan-1");
	assert_int_equal(w->reports[0].keys[0].state, PROBE_KEY_TRUSTED);
	assert_int_equal(w->reports[0].keys[0].paths, 2);
	assert_advice(w, 0, "");
}

static void unknown_key_is_named_with_the_option_to_add(void **state)
{
	struct probe_world *w = *state;

	show(w, 0, w->stranger, false);
	assert_false(probe_report_usable(&w->reports[0]));
	assert_int_equal(w->reports[0].keys[0].state, PROBE_KEY_UNKNOWN);
	assert_advice(
		w, 0,
		"'stranger-1' is not trusted; to trust it: "
		"--trusted-public-key stranger-1:KEY, or 'extra-trusted-public-keys "
		"= stranger-1:KEY' in nix.conf\n");
}

static void wrong_signature_by_a_trusted_key_is_reported(void **state)
{
	struct probe_world *w = *state;

	show(w, 0, w->key, true);
	assert_false(probe_report_usable(&w->reports[0]));
	assert_int_equal(w->reports[0].keys[0].state, PROBE_KEY_WRONG);
	assert_advice(
		w, 0,
		"signatures by 'lan-1' do not verify: the cache signs with another key of that name, or its narinfos were changed\n");
}

static void paths_without_a_signature_are_counted(void **state)
{
	struct probe_world *w = *state;

	show(w, 0, NULL, false);
	show(w, 0, w->key, false);
	assert_true(probe_report_usable(&w->reports[0]));
	assert_advice(
		w, 0,
		"1 of 2 paths has no signature: have the server sign it (nix store sign --key-file FILE)\n");
}

static void a_cache_that_the_user_trusts_needs_no_signature(void **state)
{
	struct probe_world *w = *state;

	w->confs[0].trusted = true;
	show(w, 0, NULL, false);
	show(w, 0, w->stranger, false);
	assert_true(probe_report_usable(&w->reports[0]));
	assert_advice(w, 0, "");
}

static void a_cache_without_the_sample_is_usable(void **state)
{
	struct probe_world *w = *state;

	w->reports[0].asked = 1;
	assert_advice(w, 0, "it does not have the path that it was asked for\n");
	w->reports[0].asked = 7;
	assert_true(probe_report_usable(&w->reports[0]));
	assert_advice(w, 0, "it has none of the 7 paths that it was asked for\n");
}

static void unusable_narinfos_do_not_make_a_cache_usable(void **state)
{
	struct probe_world *w = *state;

	w->reports[0].asked = w->reports[0].malformed = 2;
	assert_false(probe_report_usable(&w->reports[0]));
	assert_advice(w, 0, "2 of its narinfos cannot be used\n");
}

static void the_priority_is_the_urls_or_its_own(void **state)
{
	struct probe_world *w = *state;

	probe_report_cache_info(&w->reports[0],
				NF_SLICE_LIT("StoreDir: /nix/store\nPriority: 30\n"));
	assert_int_equal(w->reports[0].priority, 30);
	w->confs[1].has_priority = true;
	w->confs[1].priority = 10;
	probe_report_cache_info(&w->reports[1], NF_SLICE_LIT("Priority: 30\n"));
	assert_int_equal(w->reports[1].priority, 10);
	assert_true(probe_report_usable(&w->reports[1]));
	probe_report_fail(&w->reports[1], PROBE_TIMEOUT, "x");
	assert_false(probe_report_usable(&w->reports[1]));
}

static void another_store_directory_is_refused(void **state)
{
	struct probe_world *w = *state;
	char text[PROBE_STATE_TEXT_MAX];

	probe_report_cache_info(&w->reports[0], NF_SLICE_LIT("StoreDir: /gnu/store\n"));
	assert_int_equal(w->reports[0].state, PROBE_OTHER_STORE);
	assert_string_equal(w->reports[0].cause,
			    "its store directory is '/gnu/store', not '/nix/store'");
	assert_string_equal(probe_report_state_text(text, &w->reports[0]), "other store");
	assert_advice(w, 0, "its paths cannot be used here: remove it\n");
	probe_report_cache_info(&w->reports[1], NF_SLICE_LIT("Priority: high\n"));
	assert_int_equal(w->reports[1].state, PROBE_NO_CACHE);
}

static void every_state_has_its_text_and_advice(void **state)
{
	struct probe_world *w = *state;
	char text[PROBE_STATE_TEXT_MAX];

	for (int s = PROBE_OK; s <= PROBE_OTHER_STORE; s++) {
		AUTO_BUF struct buf out = { 0 };

		w->reports[0].state = (enum probe_state)s;
		assert_non_null(probe_report_state_text(text, &w->reports[0]));
		buf_init(&out, 65536);
		probe_report_advise(&out, &w->reports[0]);
		assert_int_equal(out.len > 0, s != PROBE_OK);
	}
	w->reports[0].state = PROBE_HTTP;
	w->reports[0].status = 401;
	assert_string_equal(probe_report_state_text(text, &w->reports[0]), "HTTP 401");
	assert_advice(
		w, 0,
		"it requires a user name and a password: use --netrc-file FILE, or netrc-file in nix.conf\n");
}

static void the_first_failure_counts(void **state)
{
	struct probe_world *w = *state;

	probe_report_fail(&w->reports[0], PROBE_TLS, "first");
	probe_report_fail(&w->reports[0], PROBE_BROKEN, "second");
	assert_int_equal(w->reports[0].state, PROBE_TLS);
	assert_string_equal(w->reports[0].cause, "first");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make_world, drop_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(paths_signed_by_a_trusted_key_are_usable),
		TEST(unknown_key_is_named_with_the_option_to_add),
		TEST(wrong_signature_by_a_trusted_key_is_reported),
		TEST(paths_without_a_signature_are_counted),
		TEST(a_cache_that_the_user_trusts_needs_no_signature),
		TEST(a_cache_without_the_sample_is_usable),
		TEST(unusable_narinfos_do_not_make_a_cache_usable),
		TEST(the_priority_is_the_urls_or_its_own),
		TEST(another_store_directory_is_refused),
		TEST(every_state_has_its_text_and_advice),
		TEST(the_first_failure_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
