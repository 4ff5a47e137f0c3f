#include <nixferry/narinfo.h>
#include <nixferry/trust.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/encoding.h"
#include "base/limits.h"
#include "base/mem.h"
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

static void parse_narinfo(struct nf_narinfo *ni, const char *text)
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
		{ FACTS "Sig: x:" NO_SIG "\nSig: test-1:" NO_SIG "\nSig: " TREE_SIG "\n",
		  "test-1" },
	};
	struct nf_trusted t;
	struct nf_narinfo ni;
	struct nf_err err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		parse_narinfo(&ni, rows[i].text);
		assert_int_equal(nf_trust_pathinfo(&t, &ni.info, *state, &err), 0);
		assert_string_equal(t.vouched_by, rows[i].by);
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
		parse_narinfo(&ni, NARINFO_CURL);
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

static void matching_content_address_vouches(void **state)
{
	static const char *const texts[] = {
		FACTS "CA: " TREE_CA "\n",
		FACTS "Sig: test-1:" NO_SIG "\nCA: " TREE_CA "\n",
		FACTS "Sig: unknown:" NO_SIG "\nCA: " TREE_CA "\n",
	};
	struct nf_trusted t;
	struct nf_narinfo ni;
	struct nf_err err;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		parse_narinfo(&ni, texts[i]);
		assert_int_equal(nf_trust_pathinfo(&t, &ni.info, *state, &err), 0);
		assert_true(t.by_content);
		assert_string_equal(t.vouched_by, "content address");
		nf_narinfo_release(&ni);
	}
}

#define PATH "path 'sgii4f5h9d2lym14f3av1r80w53l9k82-tree': "

static void untrusted_path_is_refused(void **state)
{
	static const struct {
		const char *text;
		const char *error;
	} rows[] = {
		{ FACTS, PATH "it has no signature" },
		{ FACTS "Sig: foo-1:" NO_SIG "\n", PATH
		  "signed by 'foo-1', which is not a trusted key; to trust it: --trusted-public-key foo-1:KEY" },
		{ FACTS "Sig: a:" NO_SIG "\nSig: b:" NO_SIG "\nSig: c:" NO_SIG
			"\nSig: d:" NO_SIG "\nSig: e:" NO_SIG "\n",
		  PATH "signed by 'a', 'b', 'c' and 2 more, none of which is a trusted "
		       "key; to trust one of them: --trusted-public-key a:KEY" },
		{ FACTS "Sig: a;b:" NO_SIG "\n", PATH
		  "signed by 'a;b', which is not a trusted key; to trust it: --trusted-public-key 'a;b:KEY'" },
		{ FACTS "Sig: test-1:" NO_SIG "\n",
		  PATH "the signature by 'test-1' is wrong" },
		{ FACTS "Sig: foo-1:" NO_SIG "\nSig: test-1:" NO_SIG
			"\nSig: cache.nixos.org-1:" NO_SIG "\n",
		  PATH "the signature by 'test-1' is wrong" },
		{ FACTS "Sig: test-1:x\n", PATH "it has no signature that can be read" },
		/* A content address that does not recompute never counts. */
		{ FACTS
		  "CA: fixed:sha256:12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx\n",
		  PATH
		  "it has no signature; its content address "
		  "'fixed:sha256:12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx' belongs to another path, 'zgd0mg4r87w941gj2ijnd6fvrv3wz85k-tree'" },
		{ FACTS "References: 6w8g7njm4mck5dmjxws0z1xnrxvl81xa-b\nCA: " TREE_CA
			"\n",
		  PATH
		  "it has no signature; its content address '" TREE_CA
		  "' belongs to another path, '0x1zk3g3390d3y2glcw5ng8lcxn2j5cp-tree'" },
		{ FACTS "CA: fixed:git:sha1:x\n", PATH
		  "it has no signature; content address 'fixed:git:sha1:x': the method 'git' is not supported" },
	};
	struct nf_trusted t;
	struct nf_narinfo ni;
	struct nf_err err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		parse_narinfo(&ni, rows[i].text);
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

	parse_narinfo(&ni, FACTS "Sig: " TREE_SIG "\nCA: text:sha256:x\n");
	assert_int_equal(nf_trust_pathinfo(&t, &ni.info, *state, &err), 0);
	assert_false(t.by_content);
	nf_narinfo_release(&ni);
}

static void trusted_store_does_not_vouch_for_bytes(void **state)
{
	struct nf_trusted t;
	struct nf_narinfo ni;

	(void)state;
	parse_narinfo(&ni, FACTS "Sig: unknown:" NO_SIG "\n");
	nf_trust_by_store(&t, &ni.info);
	assert_ptr_equal(t.info, &ni.info);
	assert_string_equal(t.vouched_by, "trusted store");
	assert_true(t.by_store);
	assert_false(t.by_content);
	nf_narinfo_release(&ni);
}

/* FACTS with 10,000 signatures by unknown keys, and then the good one. */
static char *many_signatures(void)
{
	struct buf text;

	buf_init(&text, NARINFO_MAX);
	buf_add_str(&text, FACTS);
	for (int i = 0; i < 10000; i++)
		buf_addf(&text, "Sig: nobody-%d:" NO_SIG "\n", i);
	buf_add_str(&text, "Sig: " TREE_SIG "\n");
	return buf_take(&text);
}

static void trusted_signature_is_kept_among_too_many(void **state)
{
	AUTO_FREE char *text = many_signatures();
	struct nf_trusted t;
	struct nf_narinfo ni;

	parse_narinfo(&ni, text);
	assert_int_equal(nf_trust_pathinfo(&t, &ni.info, *state, NULL), 0);
	assert_int_equal(ni.info.ntrusted, 1);
	assert_true(nf_slice_is(ni.info.sigs[0], TREE_SIG));
	assert_int_equal(ni.info.nsigs, PATHINFO_SIGS_MAX);
	assert_int_equal(ni.info.left_out, 10001 - PATHINFO_SIGS_MAX);
	/* Again, nothing changes. */
	nf_trust_by_store(&t, &ni.info);
	assert_int_equal(nf_trust_pathinfo(&t, &ni.info, *state, NULL), 0);
	assert_int_equal(ni.info.nsigs, PATHINFO_SIGS_MAX);
	assert_true(nf_slice_is(ni.info.sigs[0], TREE_SIG));
	nf_narinfo_release(&ni);
}

/* NAME and as many bytes of signature as ML-DSA-44 has. */
static char *long_signature(const char *name)
{
	uint8_t *bytes = mem_calloc(2420, 1);
	char *base64 = mem_alloc(base64_len(2420) + 1), *text;

	base64_encode(base64, bytes, 2420);
	text = mem_printf("%s:%s", name, base64);
	free(base64);
	free(bytes);
	return text;
}

static void longer_signature_is_ordered_last(void **state)
{
	static const char *const names[] = { "new-1", "test-1", "other-1" };
	struct nf_trusted t;
	struct nf_narinfo ni;

	parse_narinfo(&ni, FACTS "Sig: " TREE_SIG "\nSig: other-1:" NO_SIG "\n");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		AUTO_FREE char *sig = long_signature(names[i]);

		nf_pathinfo_add_sig(&ni.info, nf_slice_str(sig));
	}
	assert_int_equal(ni.info.nsigs, 5);
	assert_int_equal(nf_trust_pathinfo(&t, &ni.info, *state, NULL), 0);
	assert_int_equal(ni.info.nsigs, 3);
	assert_memory_equal(ni.info.sigs[2].ptr, "new-1:", 6);
	nf_narinfo_release(&ni);
}

static void content_address_is_passed_on_only_if_it_matches(void **state)
{
	static const struct {
		const char *ca;
		const char *kept;
	} rows[] = {
		{ TREE_CA, TREE_CA },
		{ "fixed:r:sha256:4TQCdBvz0BtGZ5ulhQ2c6+vVdnBPJHxpRO7HHhRLLZA=", NULL },
		{ "fixed:r:blake3:12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx",
		  NULL },
		{ "fixed:git:sha1:0000000000000000000000000000000000000000", NULL },
		{ "text:sha1:0000000000000000000000000000000000000000", NULL },
		{ "wild", NULL },
	};
	struct nf_trusted t;
	struct nf_narinfo ni;

	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_FREE char *text =
			mem_printf(FACTS "Sig: " TREE_SIG "\nCA: %s\n", rows[i / 2].ca);

		parse_narinfo(&ni, text);
		if (i % 2)
			nf_trust_by_store(&t, &ni.info);
		else
			assert_int_equal(nf_trust_pathinfo(&t, &ni.info, *state, NULL),
					 0);
		if (rows[i / 2].kept)
			assert_true(nf_slice_is(ni.info.ca, rows[i / 2].kept));
		else
			assert_int_equal(ni.info.ca.len, 0);
		assert_int_equal(ni.info.left_out, rows[i / 2].kept ? 0 : 1);
		nf_narinfo_release(&ni);
	}
}

static void an_empty_ring_trusts_no_signature(void **state)
{
	struct nf_keyring *empty = nf_keyring_new();
	struct nf_trusted t;
	struct nf_narinfo ni;
	struct nf_err err;

	(void)state;
	parse_narinfo(&ni, NARINFO_HELLO);
	expect_error(err, nf_trust_pathinfo(&t, &ni.info, empty, &err), NF_E_TRUST,
		     "path 'w9yy7v61ipb5rx6i35zq1mvc2iqfmps1-hello-2.10': signed by "
		     "'cache.nixos.org-1', which is not a trusted key; to trust it: "
		     "--trusted-public-key " NF_DEFAULT_PUBLIC_KEY);
	nf_narinfo_release(&ni);
	nf_keyring_free(empty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_signatures_verify),
		cmocka_unit_test(the_signature_covers_every_fact),
		cmocka_unit_test(matching_content_address_vouches),
		cmocka_unit_test(untrusted_path_is_refused),
		cmocka_unit_test(a_signature_vouches_whatever_the_content_address),
		cmocka_unit_test(trusted_store_does_not_vouch_for_bytes),
		cmocka_unit_test(trusted_signature_is_kept_among_too_many),
		cmocka_unit_test(longer_signature_is_ordered_last),
		cmocka_unit_test(content_address_is_passed_on_only_if_it_matches),
		cmocka_unit_test(an_empty_ring_trusts_no_signature),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
