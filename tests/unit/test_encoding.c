#include "base/encoding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

#define BYTES_MAX 64
#define TEXT_MAX  (2 * BYTES_MAX + 1)

struct alphabet {
	const char *name;
	void (*encode)(char *out, const uint8_t *in, size_t size);
	bool (*decode)(uint8_t *out, size_t size, struct nf_slice text);
	const char *chars;
};

static const struct alphabet alphabets[] = {
	{ "nix32", nix32_encode, nix32_decode, "0123456789abcdfghijklmnpqrsvwxyz" },
	{ "base16", base16_encode, base16_decode, "0123456789abcdefABCDEF" },
	{ "base64", base64_encode, base64_decode,
	  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" },
};

static void fill(uint8_t bytes[BYTES_MAX], unsigned seed)
{
	for (size_t i = 0; i < BYTES_MAX; i++)
		bytes[i] = (uint8_t)((seed + i) * 2654435761U >> 11);
}

static void texts_match_those_of_nix(void **state)
{
	/* The last as nix-hash --to-base32 and nix hash to-base64 have it. */
	static const struct {
		const char *bytes;
		size_t size;
		const char *texts[3]; /* as in alphabets */
	} rows[] = {
		{ "", 0, { "", "", "" } },
		{ "\x01", 1, { "01", "01", "AQ==" } },
		{ "\xff", 1, { "7z", "ff", "/w==" } },
		{ "abc", 3, { "66qk1", "616263", "YWJj" } },
		{ "\xda\x39\xa3\xee\x5e\x6b\x4b\x0d\x32\x55\xbf\xef\x95\x60\x18\x90\xaf"
		  "\xd8\x07\x09",
		  20,
		  { "143xibwh31h9bvxzalr0sjvbbvpa6ffs",
		    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
		    "2jmj7l5rSw0yVb/vlWAYkK/YBwk=" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (size_t a = 0; a < ARRAY_SIZE(alphabets); a++) {
			uint8_t back[BYTES_MAX];
			char text[TEXT_MAX];

			alphabets[a].encode(text, (const uint8_t *)rows[i].bytes,
					    rows[i].size);
			assert_string_equal(text, rows[i].texts[a]);
			assert_true(alphabets[a].decode(back, rows[i].size,
							nf_slice_str(text)));
			assert_memory_equal(back, rows[i].bytes, rows[i].size);
		}
	}
}

static void every_length_survives_a_round_trip(void **state)
{
	(void)state;
	for (size_t a = 0; a < ARRAY_SIZE(alphabets); a++) {
		for (size_t size = 0; size <= BYTES_MAX; size++) {
			uint8_t bytes[BYTES_MAX], back[BYTES_MAX] = { 0 };
			char text[TEXT_MAX];

			fill(bytes, (unsigned)size);
			alphabets[a].encode(text, bytes, size);
			assert_true(alphabets[a].decode(back, size, nf_slice_str(text)));
			assert_memory_equal(bytes, back, size);
		}
	}
	assert_int_equal(nix32_len(20), 32);
	assert_int_equal(nix32_len(32), 52);
	assert_int_equal(nix32_len(64), 103);
	assert_int_equal(base64_len(32), 44);
	assert_int_equal(base64_len(64), 88);
}

static void only_the_right_length_is_read(void **state)
{
	(void)state;
	for (size_t a = 0; a < ARRAY_SIZE(alphabets); a++) {
		uint8_t bytes[BYTES_MAX];
		char text[TEXT_MAX];
		size_t right;

		fill(bytes, 7);
		alphabets[a].encode(text, bytes, 32);
		right = strlen(text);
		memset(text + right, '0', sizeof(text) - right);
		for (size_t len = 0; len < sizeof(text); len++)
			assert_int_equal(
				alphabets[a].decode(bytes, 32, nf_slice(text, len)),
				len == right);
	}
}

static void every_other_character_is_refused_everywhere(void **state)
{
	(void)state;
	for (size_t a = 0; a < ARRAY_SIZE(alphabets); a++) {
		for (int c = 0; c < 256; c++) {
			bool in_alphabet = c && strchr(alphabets[a].chars, c);
			uint8_t bytes[BYTES_MAX] = { 0 };
			char text[TEXT_MAX];
			struct nf_slice all;

			/* 30 bytes leave no padding in any of them. */
			alphabets[a].encode(text, bytes, 30);
			all = nf_slice_str(text);
			for (size_t at = 0; at < all.len; at++) {
				char kept = text[at];

				text[at] = (char)c;
				if (alphabets[a].decode(bytes, 30, all) != in_alphabet)
					fail_msg("%s: character %d at %zu",
						 alphabets[a].name, c, at);
				text[at] = kept;
			}
			if (a == 0)
				assert_int_equal(nix32_is_alphabet((char)c), in_alphabet);
		}
	}
}

static void padding_bits_must_be_zero(void **state)
{
	static const struct {
		size_t alphabet;
		size_t size;
		const char *text;
		bool good;
		const char *why;
	} rows[] = {
		{ 0, 1, "7z", true, "all eight bits" },
		{ 0, 1, "80", false, "a ninth bit" },
		{ 0, 1, "zz", false, "ten bits" },
		{ 2, 1, "AQ==", true, "canonical" },
		{ 2, 1, "AR==", false, "a bit below the byte" },
		{ 2, 2, "AQI=", true, "canonical" },
		{ 2, 2, "AQJ=", false, "a bit below the second byte" },
		{ 2, 1, "AQA=", false, "two bytes" },
		{ 2, 1, "AQ=A", false, "padding between" },
		{ 2, 1, "A===", false, "six bits only" },
		{ 2, 1, "AQ", false, "no padding" },
		{ 2, 3, "AQI=", false, "two bytes of three" },
		{ 2, 2, "AQID", false, "three bytes for two" },
		{ 2, 3, "AQ\nI", false, "white space" },
		{ 2, 3, "-_-_", false, "the URL alphabet" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t bytes[BYTES_MAX];

		if (alphabets[rows[i].alphabet].decode(bytes, rows[i].size,
						       nf_slice_str(rows[i].text)) !=
		    rows[i].good)
			fail_msg("'%s': %s", rows[i].text, rows[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_match_those_of_nix),
		cmocka_unit_test(every_length_survives_a_round_trip),
		cmocka_unit_test(only_the_right_length_is_read),
		cmocka_unit_test(every_other_character_is_refused_everywhere),
		cmocka_unit_test(padding_bits_must_be_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
