#include <nixferry/key.h>
#include <nixferry/pathinfo.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "expect.h"
#include "fake_sig.h"
#include "format/pathinfo_fill.h"
#include "narinfo_vectors.h"

#define A "0jqd0rlxzra1rs38rdxl43yh6rxchgc6-a"
#define B "6w8g7njm4mck5dmjxws0z1xnrxvl81xa-b"
#define C "yxvjs9drzsphm9pcf42a4byzj1kb9m7k-c.drv"

static void assert_refs(const struct nf_pathinfo *info, size_t count,
			const char *const *want)
{
	assert_int_equal(info->nrefs, count);
	for (size_t i = 0; i < count; i++)
		assert_true(nf_slice_is(info->refs[i], want[i]));
}

static void references_are_kept_sorted_and_once(void **state)
{
	static const char *const orders[][4] = {
		{ A, B, C, A }, { C, B, A, C }, { B, C, A, B }, { A, A, C, B }
	};
	static const char *const sorted[] = { A, B, C };
	struct nf_pathinfo info;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		nf_pathinfo_init(&info);
		for (size_t k = 0; k < 4; k++)
			assert_int_equal(nf_pathinfo_add_ref(
						 &info, nf_slice_str(orders[i][k]), &err),
					 0);
		assert_refs(&info, 3, sorted);
		nf_pathinfo_release(&info);
	}
}

static void many_references_in_any_order_are_found(void **state)
{
	char base[64];
	struct nf_pathinfo info;
	struct nf_err err;

	(void)state;
	nf_pathinfo_init(&info);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(base, sizeof(base), "%032u-x", i * 7919 % 1000 * 2);
		assert_int_equal(nf_pathinfo_add_ref(&info, nf_slice_str(base), &err), 0);
	}
	assert_int_equal(info.nrefs, 1000);
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(base, sizeof(base), "%032u-x", i);
		assert_int_equal(nf_pathinfo_has_ref(&info, nf_slice_str(base)),
				 i % 2 == 0);
	}
	nf_pathinfo_release(&info);
}

static void references_are_accepted_in_any_order(void **state)
{
	static const char *const lists[] = {
		A " " B " " C,
		C " " A " " B,
		"  " B "   " C " " A " ",
		C " " C " " A " " B " " A,
	};
	static const char *const sorted[] = { A, B, C };
	struct nf_pathinfo info;
	struct nf_slice list;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		nf_pathinfo_init(&info);
		list = arena_slice(pathinfo_arena(&info), nf_slice_str(lists[i]));
		assert_int_equal(pathinfo_take_refs(&info, list, &err), 0);
		assert_refs(&info, 3, sorted);
		/* There is room for more, or it is made. */
		for (char c = '0'; c < '9'; c++) {
			char base[] = "00000000000000000000000000000000-x";

			base[0] = c;
			assert_int_equal(
				nf_pathinfo_add_ref(&info, nf_slice_str(base), &err), 0);
		}
		assert_int_equal(info.nrefs, 12);
		assert_true(nf_pathinfo_has_ref(&info, NF_SLICE_LIT(C)));
		nf_pathinfo_release(&info);
	}
}

static void a_reference_or_deriver_is_a_base_name(void **state)
{
	struct nf_pathinfo info;
	struct nf_err err;

	(void)state;
	nf_pathinfo_init(&info);
	expect_error(
		err, nf_pathinfo_add_ref(&info, NF_SLICE_LIT("/nix/store/" A), &err),
		NF_E_FORMAT,
		"'/nix/store/" A
		"' is not a store path: its hash part is not 32 characters of Nix32");
	assert_int_equal(info.nrefs, 0);
	assert_int_equal(info.deriver.len, 0);
	nf_pathinfo_release(&info);
}

static void a_signature_is_kept_once_and_in_order(void **state)
{
	char sig[128];
	struct nf_pathinfo info;

	(void)state;
	nf_pathinfo_init(&info);
	for (int i = 0; i < 40; i++) {
		snprintf(sig, sizeof(sig), "k-%d:" FAKE_SIG("x"), i % 20);
		nf_pathinfo_add_sig(&info, nf_slice_str(sig));
	}
	assert_int_equal(info.nsigs, 20);
	for (int i = 0; i < 20; i++) {
		snprintf(sig, sizeof(sig), "k-%d:" FAKE_SIG("x"), i);
		assert_true(nf_slice_is(info.sigs[i], sig));
	}
	nf_pathinfo_release(&info);
}

static void a_copy_shares_nothing_with_the_original(void **state)
{
	static const char *const sorted[] = { A, B };
	struct nf_pathinfo from, to;
	struct nf_err err;
	char sig[] = "k:" FAKE_SIG("x");

	(void)state;
	nf_pathinfo_init(&from);
	assert_int_equal(nf_storepath_parse_base(&from.path, NF_SLICE_LIT(A), &err), 0);
	from.nar_size = 5;
	assert_int_equal(nf_pathinfo_add_ref(&from, NF_SLICE_LIT(B), &err), 0);
	assert_int_equal(nf_pathinfo_add_ref(&from, NF_SLICE_LIT(A), &err), 0);
	nf_pathinfo_set_deriver(&from, NF_SLICE_LIT(C));
	nf_pathinfo_add_sig(&from, nf_slice_str(sig));
	nf_pathinfo_set_ca(&from, NF_SLICE_LIT(TREE_CA));
	sig[0] = '!';
	nf_pathinfo_copy(&to, &from);
	nf_pathinfo_release(&from);

	assert_string_equal(to.path.base, A);
	assert_int_equal(to.nar_size, 5);
	assert_refs(&to, 2, sorted);
	assert_true(nf_slice_is(to.deriver, C));
	assert_int_equal(to.nsigs, 1);
	assert_true(nf_slice_is(to.sigs[0], "k:" FAKE_SIG("x")));
	assert_true(nf_slice_is(to.ca, TREE_CA));
	nf_pathinfo_add_sig(&to, NF_SLICE_LIT("l:" FAKE_SIG("y")));
	assert_int_equal(nf_pathinfo_add_ref(&to, NF_SLICE_LIT(C), &err), 0);
	assert_int_equal(to.nrefs, 3);
	nf_pathinfo_release(&to);
}

static void empty_pathinfo_is_copied_and_released(void **state)
{
	struct nf_pathinfo from, to;

	(void)state;
	nf_pathinfo_init(&from);
	nf_pathinfo_copy(&to, &from);
	assert_int_equal(to.nrefs + to.nsigs + to.ca.len + to.deriver.len, 0);
	nf_pathinfo_release(&to);
	nf_pathinfo_release(&from);
}

static void fingerprint_matches_nix(void **state)
{
	struct nf_pathinfo info;
	struct nf_err err;
	char *text;

	(void)state;
	nf_pathinfo_init(&info);
	assert_int_equal(
		nf_storepath_parse_base(
			&info.path,
			NF_SLICE_LIT("syd87l2rxw8cbsxmxl853h0r6pdwhwjr-curl-7.82.0-bin"),
			&err),
		0);
	assert_int_equal(
		nf_hash_parse(
			&info.nar_hash,
			NF_SLICE_LIT(
				"sha256:1b4sb93wp679q4zx9k1ignby1yna3z7c4c2ri3wphylbc2dwsys0"),
			&err),
		0);
	info.nar_size = 196040;
	/* Not in their order. */
	assert_int_equal(
		nf_pathinfo_add_ref(
			&info,
			NF_SLICE_LIT("yxvjs9drzsphm9pcf42a4byzj1kb9m7k-openssl-1.1.1n"),
			&err),
		0);
	assert_int_equal(
		nf_pathinfo_add_ref(
			&info,
			NF_SLICE_LIT("6w8g7njm4mck5dmjxws0z1xnrxvl81xa-glibc-2.34-115"),
			&err),
		0);
	assert_int_equal(
		nf_pathinfo_add_ref(
			&info,
			NF_SLICE_LIT("j5jxw3iy7bbz4a57fh9g2xm2gxmyal8h-zlib-1.2.12"),
			&err),
		0);
	assert_int_equal(
		nf_pathinfo_add_ref(
			&info,
			NF_SLICE_LIT("0jqd0rlxzra1rs38rdxl43yh6rxchgc6-curl-7.82.0"),
			&err),
		0);
	text = nf_pathinfo_fingerprint(&info);
	assert_string_equal(text, NARINFO_CURL_FINGERPRINT);
	free(text);
	nf_pathinfo_release(&info);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_are_kept_sorted_and_once),
		cmocka_unit_test(many_references_in_any_order_are_found),
		cmocka_unit_test(references_are_accepted_in_any_order),
		cmocka_unit_test(a_reference_or_deriver_is_a_base_name),
		cmocka_unit_test(a_signature_is_kept_once_and_in_order),
		cmocka_unit_test(a_copy_shares_nothing_with_the_original),
		cmocka_unit_test(empty_pathinfo_is_copied_and_released),
		cmocka_unit_test(fingerprint_matches_nix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
