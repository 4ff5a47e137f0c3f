#include <nixferry/narinfo.h>
#include <nixferry/trust.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "narinfo_vectors.h"

#define FACTS                                                                            \
	"StorePath: /nix/store/sgii4f5h9d2lym14f3av1r80w53l9k82-tree\n"                  \
	"URL: x\n"                                                                       \
	"NarHash: "                                                                      \
	"sha256:12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx\n"                  \
	"NarSize: 1072\n"
#define NO_SIG                                                                           \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
	"AAAA"                                                                           \
	"AAAA=="

static int setup(void **state)
{
	struct nf_keyring *ring = nf_keyring_new();

	assert_int_equal(nf_keyring_add(ring, NF_SLICE_LIT(NF_DEFAULT_PUBLIC_KEY), NULL),
			 0);
	assert_int_equal(nf_keyring_add(ring, NF_SLICE_LIT(TEST_PUBLIC_KEY), NULL), 0);
	*state = ring;
	return 0;
}

static int teardown(void **state)
{
	nf_keyring_free(*state);
	return 0;
}

static void parse(struct nf_narinfo *ni, const char *text)
{
	struct nf_err err;

	assert_int_equal(nf_narinfo_parse(ni, nf_slice_str(text), &err), 0);
}

static void real_signatures_verify(void **state)
{
	static const struct {
		const char *text;
		const char *by;
	} rows[] = {
		{ NARINFO_CURL, "cache.nixos.org-1" },
		{ NARINFO_HELLO, "cache.nixos.org-1" },
		{ NARINFO_RIPGREP, "cache.nixos.org-1" },
		{ NARINFO_TREE, "test-1" },
		{ FACTS "Sig: x:y\nSig: test-1:" NO_SIG "\nSig: " TREE_SIG "\n",
		  "test-1" },
	};
	struct nf_trusted t;
	struct nf_narinfo ni;
	struct nf_err err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		parse(&ni, rows[i].text);
		assert_int_equal(nf_trust_pathinfo(&t, &ni.info, *state, &err), 0);
		assert_string_equal(t.by, rows[i].by);
		assert_ptr_equal(t.info, &ni.info);
		assert_false(t.by_content);
		nf_narinfo_release(&ni);
	}
}

static void the_signature_covers_every_fact(void **state)
{
	struct nf_pathinfo *info;
	struct nf_trusted t;
	struct nf_narinfo ni;
	struct nf_err err;

	for (int fact = 0; fact < 5; fact++) {
		parse(&ni, NARINFO_CURL);
		info = &ni.info;
		switch (fact) {
		case 0:
			info->nar_size++;
			break;
		case 1:
			info->nar_hash.bytes[31] ^= 1;
			break;
		case 2:
			info->path.base[info->path.len - 1] = 'm';
			break;
		case 3:
			info->nrefs--;
			break;
		default:
			assert_int_equal(
				nf_pathinfo_add_ref(info, nf_storepath_base(&info->path),
						    &err),
				0);
		}
		assert_int_equal(nf_trust_pathinfo(&t, info, *state, &err), -NF_E_TRUST);
		assert_non_null(strstr(err.text,
				       "the signature by 'cache.nixos.org-1' is wrong"));
		nf_narinfo_release(&ni);
	}
}

static void a_content_address_that_recomputes_vouches(void **state)
{
	static const char *const texts[] = {
		FACTS "CA: " TREE_CA "\n",
		FACTS "Sig: test-1:" NO_SIG "\nCA: " TREE_CA "\n",
		FACTS "Sig: unknown:x\nCA: " TREE_CA "\n",
	};
	struct nf_trusted t;
	struct nf_narinfo ni;
	struct nf_err err;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		parse(&ni, texts[i]);
		assert_int_equal(nf_trust_pathinfo(&t, &ni.info, *state, &err), 0);
		assert_true(t.by_content);
		assert_string_equal(t.by, "content address");
		nf_narinfo_release(&ni);
	}
}

#define PATH "path 'sgii4f5h9d2lym14f3av1r80w53l9k82-tree': "

static void what_nobody_vouches_for_is_refused(void **state)
{
	static const struct {
		const char *text;
		const char *error;
	} rows[] = {
		{ FACTS, PATH "it has no signature" },
		{ FACTS "Sig: foo-1:x\n",
		  PATH "no signature by a trusted key (signed by 'foo-1')" },
		{ FACTS "Sig: a:x\nSig: b:x\nSig: c:x\nSig: d:x\nSig: e:x\n",
		  PATH "no signature by a trusted key (signed by 'a', 'b', 'c' and 2 "
		       "more)" },
		{ FACTS "Sig: test-1:" NO_SIG "\n",
		  PATH "the signature by 'test-1' is wrong" },
		{ FACTS "Sig: foo-1:x\nSig: test-1:" NO_SIG
			"\nSig: cache.nixos.org-1:" NO_SIG "\n",
		  PATH "the signature by 'test-1' is wrong" },
		{ FACTS "Sig: test-1:x\n",
		  PATH "the signature by 'test-1' is not 64 bytes in base64" },
		/* A content address that does not recompute never counts. */
		{ FACTS "CA: fixed:sha256:"
			"12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx\n",
		  PATH "it has no signature; its content address "
		       "'fixed:sha256:"
		       "12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx' is of "
		       "another path, 'zgd0mg4r87w941gj2ijnd6fvrv3wz85k-tree'" },
		{ FACTS "References: 6w8g7njm4mck5dmjxws0z1xnrxvl81xa-b\nCA: " TREE_CA
			"\n",
		  PATH "it has no signature; its content address '" TREE_CA
		       "' is of another path, '0x1zk3g3390d3y2glcw5ng8lcxn2j5cp-tree'" },
		{ FACTS "CA: fixed:git:sha1:x\n",
		  PATH "it has no signature; content address 'fixed:git:sha1:x': the "
		       "method 'git' is not known" },
	};
	struct nf_trusted t;
	struct nf_narinfo ni;
	struct nf_err err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		parse(&ni, rows[i].text);
		expect_error(err, nf_trust_pathinfo(&t, &ni.info, *state, &err),
			     NF_E_TRUST, rows[i].error);
		nf_narinfo_release(&ni);
	}
}

static void a_signature_vouches_whatever_the_content_address(void **state)
{
	struct nf_trusted t;
	struct nf_narinfo ni;
	struct nf_err err;

	parse(&ni, FACTS "Sig: " TREE_SIG "\nCA: text:sha256:x\n");
	assert_int_equal(nf_trust_pathinfo(&t, &ni.info, *state, &err), 0);
	assert_false(t.by_content);
	nf_narinfo_release(&ni);
}

static void the_word_of_a_trusted_store_is_no_proof_of_bytes(void **state)
{
	struct nf_trusted t;
	struct nf_narinfo ni;

	(void)state;
	parse(&ni, FACTS "Sig: unknown:x\n");
	nf_trust_by_store(&t, &ni.info);
	assert_ptr_equal(t.info, &ni.info);
	assert_string_equal(t.by, "trusted store");
	assert_true(t.by_store);
	assert_false(t.by_content);
	nf_narinfo_release(&ni);
}

static void an_empty_ring_trusts_no_signature(void **state)
{
	struct nf_keyring *empty = nf_keyring_new();
	struct nf_trusted t;
	struct nf_narinfo ni;
	struct nf_err err;

	(void)state;
	parse(&ni, NARINFO_HELLO);
	expect_error(
		err, nf_trust_pathinfo(&t, &ni.info, empty, &err), NF_E_TRUST,
		"path 'w9yy7v61ipb5rx6i35zq1mvc2iqfmps1-hello-2.10': no signature by "
		"a trusted key (signed by 'cache.nixos.org-1')");
	nf_narinfo_release(&ni);
	nf_keyring_free(empty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_signatures_verify),
		cmocka_unit_test(the_signature_covers_every_fact),
		cmocka_unit_test(a_content_address_that_recomputes_vouches),
		cmocka_unit_test(what_nobody_vouches_for_is_refused),
		cmocka_unit_test(a_signature_vouches_whatever_the_content_address),
		cmocka_unit_test(the_word_of_a_trusted_store_is_no_proof_of_bytes),
		cmocka_unit_test(an_empty_ring_trusts_no_signature),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
