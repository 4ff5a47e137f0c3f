#include "format/signature.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/encoding.h"
#include "base/limits.h"
#include "base/mem.h"

/* "k:BASE64" of SIZE bytes of which the first two are given. free(). */
static char *signature_of(size_t size, int first, int second)
{
	AUTO_FREE uint8_t *bytes = mem_calloc(size + 2, 1);
	AUTO_FREE char *base64 = mem_alloc(base64_len(size) + 1);

	bytes[0] = (uint8_t)first;
	bytes[1] = (uint8_t)second;
	base64_encode(base64, bytes, size);
	return mem_printf("k:%s", base64);
}

static void names_are_printable_and_without_colons(void **state)
{
	char longest[KEY_NAME_MAX + 1];

	(void)state;
	assert_true(signature_is_name(NF_SLICE_LIT("cache.nixos.org-1")));
	assert_true(signature_is_name(NF_SLICE_LIT("~!\"'")));
	assert_false(signature_is_name(NF_SLICE_LIT("")));
	assert_false(signature_is_name(NF_SLICE_LIT("a b")));
	assert_false(signature_is_name(NF_SLICE_LIT("a:b")));
	assert_false(signature_is_name(NF_SLICE_LIT("a\n")));
	assert_false(signature_is_name(NF_SLICE_LIT("caf\xc3\xa9")));
	memset(longest, 'k', sizeof(longest));
	assert_true(signature_is_name(nf_slice(longest, KEY_NAME_MAX)));
	assert_false(signature_is_name(nf_slice(longest, KEY_NAME_MAX + 1)));
}

static void known_algorithms_are_recognised_by_size(void **state)
{
	static const struct {
		size_t size;
		int first, second;
		bool is_known;
	} rows[] = {
		{ 64, 0, 0, true },	  { 63, 0, 0, false },
		{ 65, 0, 0, false },	  { 2420, 0, 0, true },
		{ 3309, 0, 0, true },	  { 4627, 0, 0, true },
		{ 4628, 0, 0, false },	  { 70, 0x30, 68, true },
		{ 70, 0x30, 67, false },  { 70, 0x31, 68, false },
		{ 104, 0x30, 102, true }, { 105, 0x30, 103, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO(arena_release) struct arena a = { 0 };
		AUTO_FREE char *text =
			signature_of(rows[i].size, rows[i].first, rows[i].second);
		struct nf_slice normal = signature_normal(&a, nf_slice_str(text));

		if ((normal.len > 0) != rows[i].is_known)
			fail_msg("%zu bytes: %s", rows[i].size, text);
		assert_true(signature_is_readable(nf_slice_str(text)));
		if (!normal.len)
			continue;
		assert_ptr_equal(normal.ptr, text);
		assert_int_equal(signature_is_ed25519(normal), rows[i].size == 64);
	}
}

/* All lenient forms that Nix reads become one form. */
static void lenient_forms_become_the_normal_one(void **state)
{
	AUTO(arena_release) struct arena a = { 0 };
	AUTO_FREE char *text = signature_of(64, 1, 2);
	size_t len = strlen(text);
	AUTO_FREE char *unpadded = mem_printf("%.*s", (int)len - 2, text);
	AUTO_FREE char *broken = mem_printf("%.9s\n%s", text, text + 9);
	AUTO_FREE char *trailing = mem_printf("%s= x", text);
	const char *forms[] = { unpadded, broken, trailing };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct nf_slice normal = signature_normal(&a, nf_slice_str(forms[i]));

		if (!nf_slice_is(normal, text))
			fail_msg("'%s' became '%.*s'", forms[i], NF_SLICE_ARG(normal));
	}
}

static void invalid_signature_has_no_normal_form(void **state)
{
	static const char *const texts[] = { "",      ":",	  "k",	    "k:",
					     ":AAAA", "a b:AAAA", "k:A*AA", "k:=AAA" };
	AUTO(arena_release) struct arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(signature_normal(&a, nf_slice_str(texts[i])).len, 0);
		if (signature_is_readable(nf_slice_str(texts[i])))
			fail_msg("'%s' is readable", texts[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_printable_and_without_colons),
		cmocka_unit_test(known_algorithms_are_recognised_by_size),
		cmocka_unit_test(lenient_forms_become_the_normal_one),
		cmocka_unit_test(invalid_signature_has_no_normal_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
