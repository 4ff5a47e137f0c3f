#include "format/key_tally.h"

#include <nixferry/narinfo.h>
#include <nixferry/trust.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "expect.h"

#define PATH "sgii4f5h9d2lym14f3av1r80w53l9k82-tree"
#define FACTS                                                                            \
	"StorePath: /nix/store/" PATH "\n"                                               \
	"URL: x\n"                                                                       \
	"NarHash: sha256:12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx\n"         \
	"NarSize: 1072\n"
#define IN_CONTENT                                                                       \
	"CA: fixed:r:sha256:12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx\n"

/* "a" and "b" are one key; "c" is another; nobody trusts "x". */
enum {
	A,
	B,
	C,
	X,
	KEYS
};

struct keys {
	struct nf_secret_key *secret[KEYS];
	struct nf_keyring *ring;
};

static void generate(struct keys *k, int i, const char *name)
{
	assert_int_equal(nf_secret_key_generate(&k->secret[i], nf_slice_str(name), NULL),
			 0);
}

static int setup(void **state)
{
	static struct keys k;
	char *text;

	k.ring = nf_keyring_new();
	generate(&k, A, "a");
	generate(&k, C, "c");
	generate(&k, X, "x");
	text = nf_secret_key_text(k.secret[A]);
	text[0] = 'b';
	assert_int_equal(nf_secret_key_parse(&k.secret[B], nf_slice_str(text), NULL), 0);
	nf_secret_text_free(text);
	for (int i = A; i <= C; i++) {
		AUTO_FREE char *public = nf_secret_key_public(k.secret[i]);

		assert_int_equal(nf_keyring_add(k.ring, nf_slice_str(public), NULL), 0);
	}
	*state = &k;
	return 0;
}

static int teardown(void **state)
{
	struct keys *k = *state;

	for (int i = 0; i < KEYS; i++)
		nf_secret_key_free(k->secret[i]);
	nf_keyring_free(k->ring);
	return 0;
}

static void a_key_with_two_names_counts_once(void **state)
{
	struct keys *k = *state;
	struct key_tally t = { .ring = k->ring };

	assert_true(key_tally_add(&t, 0));
	assert_false(key_tally_add(&t, 0));
	assert_false(key_tally_add(&t, 1));
	assert_true(key_tally_add(&t, 2));
	assert_int_equal(t.count, 2);
	assert_int_equal(key_tally_of_ring(k->ring), 2);
}

/* The verdict on a path that the keys of BY signed, where two keys are needed. */
static int judge(struct keys *k, const char *by, const char *more, struct nf_err *err)
{
	AUTO_FREE char *text = mem_printf(FACTS "%s", more);
	AUTO_FREE char *message = NULL;
	AUTO(nf_narinfo_release) struct nf_narinfo ni = { 0 };
	struct nf_trusted t;

	assert_int_equal(nf_narinfo_parse(&ni, nf_slice_str(text), NULL), 0);
	message = nf_pathinfo_fingerprint(&ni.info);
	for (; *by; by++) {
		int i = *by == 'x' ? X : *by - 'a';
		AUTO_FREE char *sig = nf_sign(k->secret[i], message, strlen(message));

		nf_pathinfo_add_sig(&ni.info, nf_slice_str(sig));
	}
	return nf_trust_pathinfo(&t, &ni.info, k->ring, err);
}

static void paths_need_signatures_by_different_keys(void **state)
{
	struct keys *k = *state;
	struct nf_err err;

	nf_keyring_set_needed(k->ring, 1, 2);
	assert_int_equal(judge(k, "ac", "", &err), 0);
	assert_int_equal(judge(k, "xbc", "", &err), 0);
	expect_error(
		err, judge(k, "ab", "", &err), NF_E_TRUST,
		"path '" PATH
		"': 1 of the 2 different trusted keys that are needed has signed it: 'a'");
	expect_error(
		err, judge(k, "xc", "", &err), NF_E_TRUST,
		"path '" PATH
		"': 1 of the 2 different trusted keys that are needed has signed it: 'c'");
	assert_int_equal(judge(k, "x", "", &err), -NF_E_TRUST);
	assert_int_equal(judge(k, "", "", &err), -NF_E_TRUST);
	assert_int_equal(judge(k, "", IN_CONTENT, &err), 0);
	nf_keyring_set_needed(k->ring, 1, 1);
	assert_int_equal(judge(k, "xb", "", &err), 0);
}

static void a_joined_ring_needs_no_fewer_signatures(void **state)
{
	struct keys *k = *state;
	struct nf_keyring *all = nf_keyring_new();

	nf_keyring_set_needed(k->ring, 3, 2);
	nf_keyring_add_all(all, k->ring);
	assert_int_equal(nf_keyring_needed_of_bundle(all), 3);
	assert_int_equal(nf_keyring_needed_of_path(all), 2);
	nf_keyring_set_needed(k->ring, 1, 1);
	nf_keyring_add_all(all, k->ring);
	assert_int_equal(nf_keyring_needed_of_bundle(all), 3);
	assert_int_equal(nf_keyring_needed_of_path(all), 2);
	nf_keyring_free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_key_with_two_names_counts_once, setup,
						teardown),
		cmocka_unit_test_setup_teardown(paths_need_signatures_by_different_keys,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_joined_ring_needs_no_fewer_signatures,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
