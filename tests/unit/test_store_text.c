#include "store/store_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/limits.h"
#include "base/mem.h"
#include "expect.h"
#include "fake_sig.h"

#define A "a-1:" FAKE_SIG("a")
#define B "b-1:" FAKE_SIG("b")
#define C "c-1:" FAKE_SIG("c")

static void assert_becomes(const char *column, const struct nf_pathinfo *info,
			   size_t added, const char *want)
{
	AUTO_BUF struct buf text = { 0 };

	buf_init(&text, SIZE_MAX);
	assert_int_equal(store_text_sigs(&text, nf_slice_str(column), info), added);
	assert_true(nf_slice_is(buf_slice(&text), want));
}

static void signatures_are_merged_sorted_and_unique(void **state)
{
	AUTO(nf_pathinfo_release) struct nf_pathinfo info = { 0 };

	(void)state;
	assert_becomes("", &info, 0, "");
	nf_pathinfo_add_sig(&info, NF_SLICE_LIT(C));
	nf_pathinfo_add_sig(&info, NF_SLICE_LIT(A));
	assert_becomes("", &info, 2, A " " C);
	assert_becomes(B, &info, 2, A " " B " " C);
	assert_becomes(A " " B " " C, &info, 0, A " " B " " C);
	assert_becomes("  " C " " C "  ", &info, 1, A " " C);
}

static void signatures_that_nix_cannot_read_are_dropped(void **state)
{
	AUTO(nf_pathinfo_release) struct nf_pathinfo info = { 0 };

	(void)state;
	nf_pathinfo_add_sig(&info, NF_SLICE_LIT(A));
	assert_becomes("x:%%% y :z a: b:\xff " B, &info, 1, A " " B);
	/* Of an algorithm of later versions, perhaps: Nix wrote it. */
	assert_becomes("p384-1:MGYCMQ== " B, &info, 1, A " " B " p384-1:MGYCMQ==");
}

static void a_longer_signature_is_not_added(void **state)
{
	AUTO(nf_pathinfo_release) struct nf_pathinfo info = { 0 };
	AUTO_FREE uint8_t *bytes = mem_calloc(3309, 1);
	AUTO_FREE char *base64 = mem_alloc(base64_len(3309) + 1);
	AUTO_FREE char *sig = NULL, *both = NULL;

	(void)state;
	base64_encode(base64, bytes, 3309);
	sig = mem_printf("new-1:%s", base64);
	nf_pathinfo_add_sig(&info, nf_slice_str(sig));
	nf_pathinfo_add_sig(&info, NF_SLICE_LIT(A));
	assert_int_equal(info.nsigs, 2);
	assert_becomes("", &info, 1, A);
	both = mem_printf("%s %s", A, sig);
	assert_becomes(sig, &info, 1, both);
}

static void trusted_signatures_displace_others(void **state)
{
	AUTO(nf_pathinfo_release) struct nf_pathinfo info = { 0 };
	AUTO_BUF struct buf column = { 0 }, text = { 0 };

	(void)state;
	buf_init(&column, SIZE_MAX);
	buf_init(&text, SIZE_MAX);
	for (size_t i = 0; i < PATHINFO_SIGS_MAX; i++)
		buf_addf(&column, "%s%zu:" FAKE_SIG("x"), i ? " " : "", i);
	nf_pathinfo_add_sig(&info, NF_SLICE_LIT(A));
	nf_pathinfo_add_sig(&info, NF_SLICE_LIT(B));
	assert_int_equal(store_text_sigs(&text, buf_slice(&column), &info), 0);
	info.ntrusted = 1;
	assert_int_equal(store_text_sigs(&text, buf_slice(&column), &info), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures_are_merged_sorted_and_unique),
		cmocka_unit_test(signatures_that_nix_cannot_read_are_dropped),
		cmocka_unit_test(a_longer_signature_is_not_added),
		cmocka_unit_test(trusted_signatures_displace_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
