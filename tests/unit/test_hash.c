#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/encoding.h"

static void nix32_agrees_with_nix(void **state)
{
	uint8_t zeros[32] = { 0 }, ones[32];
	char text[64];

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	nix32_encode(text, zeros, 20);
	assert_string_equal(text, "00000000000000000000000000000000");
	nix32_encode(text, zeros, 32);
	assert_string_equal(text, "0000000000000000000000000000000000000000000000000000");
	nix32_encode(text, ones, 32);
	assert_string_equal(text, "1zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz");
	assert_int_equal(nix32_len(64), 103);
	assert_int_equal(nix32_len(20), 32);
}

static void every_form_of_a_hash_is_read_and_written(void **state)
{
	/* The NAR of an empty regular file. */
	static const char *const forms[] = {
		"sha256:77ac62e2629d8e45f624589c0c8bf99e24b3a722349bf1e79bc186008534e246",
		"sha256:0ip26j2h11n1kgkz36rl4akv694yz65hr72q4kv4b3lxcbi65b3p",
		"sha256:d6xi4mKdjkX2JFicDIv5niSzpyI0m/Hnm8GGAIU04kY=",
		"sha256-d6xi4mKdjkX2JFicDIv5niSzpyI0m/Hnm8GGAIU04kY=",
	};
	struct nf_hash h, first;
	struct nf_err err;
	char text[NF_HASH_TEXT_MAX];

	(void)state;
	assert_int_equal(nf_hash_parse(&first, nf_slice_str(forms[0]), &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		assert_int_equal(nf_hash_parse(&h, nf_slice_str(forms[i]), &err), 0);
		assert_true(nf_hash_eq(&h, &first));
		assert_string_equal(nf_hash_format(text, &h, (enum nf_hash_form)i),
				    forms[i]);
	}
}

static void digests_are_those_of_the_algorithms(void **state)
{
	static const struct {
		enum nf_hash_algo algo;
		const char *text;
	} rows[] = {
		{ NF_MD5, "md5:b1946ac92492d2347c6235b4d2611184" },
		{ NF_SHA1, "sha1:f572d396fae9206628714fb2ce00f72e94f2258f" },
		{ NF_SHA256,
		  "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03" },
		{ NF_SHA512,
		  "sha512:e7c22b994c59d9cf2b48e549b1e24666636045930d3da7c1acb299d1c3b7f931f94aae41edda2c2b207a36e10f8bcb8d45223e54878f5b316e7ce3b6bc019629" },
	};
	char text[NF_HASH_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO(hasher_freep) struct hasher *running = hasher_new(rows[i].algo);
		struct nf_hash once, parts;

		hash_bytes(&once, rows[i].algo, "hello\n", 6);
		hasher_update(running, "hel", 3);
		hasher_update(running, "lo\n", 3);
		hasher_final(running, &parts);
		assert_true(nf_hash_eq(&once, &parts));
		assert_string_equal(nf_hash_format(text, &once, NF_HEX), rows[i].text);
	}
}

static void invalid_hash_is_refused(void **state)
{
	static const struct {
		const char *text;
		int rc;
		const char *error;
	} rows[] = {
		{ "", -NF_E_FORMAT, "hash '' does not name an algorithm" },
		{ "0ip26j2h", -NF_E_FORMAT,
		  "hash '0ip26j2h' does not name an algorithm" },
		{ "blake3:00", -NF_E_UNSUPPORTED,
		  "hash algorithm 'blake3' is not supported" },
		{ "sha256:0ip26j2h", -NF_E_FORMAT,
		  "hash '0ip26j2h' has the wrong length for sha256" },
		{ "sha256:eip26j2h11n1kgkz36rl4akv694yz65hr72q4kv4b3lxcbi65b3p",
		  -NF_E_FORMAT,
		  "hash 'eip26j2h11n1kgkz36rl4akv694yz65hr72q4kv4b3lxcbi65b3p' is not a valid sha256 hash" },
		{ "sha256:zip26j2h11n1kgkz36rl4akv694yz65hr72q4kv4b3lxcbi65b3p",
		  -NF_E_FORMAT,
		  "hash 'zip26j2h11n1kgkz36rl4akv694yz65hr72q4kv4b3lxcbi65b3p' is not a valid sha256 hash" },
		{ "sha256-0ip26j2h11n1kgkz36rl4akv694yz65hr72q4kv4b3lxcbi65b3p",
		  -NF_E_FORMAT,
		  "hash 'sha256-0ip26j2h11n1kgkz36rl4akv694yz65hr72q4kv4b3lxcbi65b3p' has the wrong length for sha256" },
		{ "sha256-d6xi4mKdjkX2JFicDIv5niSzpyI0m/Hnm8GGAIU04kZ=", -NF_E_FORMAT,
		  "hash 'd6xi4mKdjkX2JFicDIv5niSzpyI0m/Hnm8GGAIU04kZ=' is not a valid sha256 hash" },
		{ "sha256-d6xi4mKdjkX2JFicDIv5niSzpyI0m/Hnm8GGAIU04k==", -NF_E_FORMAT,
		  "hash 'd6xi4mKdjkX2JFicDIv5niSzpyI0m/Hnm8GGAIU04k==' is not a valid sha256 hash" },
	};
	struct nf_hash h;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(nf_hash_parse(&h, nf_slice_str(rows[i].text), &err),
				 rows[i].rc);
		assert_string_equal(err.text, rows[i].error);
	}
}

static void base64_round_trips_at_every_length(void **state)
{
	uint8_t in[64], out[64];
	char text[100];

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 37 + 200);
	for (size_t len = 0; len <= sizeof(in); len++) {
		base64_encode(text, in, len);
		assert_int_equal(strlen(text), base64_len(len));
		assert_true(base64_decode(out, len, nf_slice_str(text)));
		assert_memory_equal(in, out, len);
		nix32_encode(text, in, len < 60 ? len : 60);
		assert_true(nix32_decode(out, len < 60 ? len : 60, nf_slice_str(text)));
		assert_memory_equal(in, out, len < 60 ? len : 60);
	}
	base64_encode(text, (const uint8_t *)"hello", 5);
	assert_string_equal(text, "aGVsbG8=");
}

static void blake2b_and_xxh3_are_the_published_functions(void **state)
{
	AUTO(xxh3_freep) struct xxh3 *x = xxh3_new();
	uint8_t digest[BLAKE2B_SIZE], sum[XXH3_128_SIZE];
	char text[80];

	(void)state;
	blake2b(digest, "abc", 3);
	base16_encode(text, digest, sizeof(digest));
	assert_string_equal(
		text, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
	xxh3_final(x, sum);
	base16_encode(text, sum, sizeof(sum));
	assert_string_equal(text, "99aa06d3014798d86001c324468d497f");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nix32_agrees_with_nix),
		cmocka_unit_test(every_form_of_a_hash_is_read_and_written),
		cmocka_unit_test(digests_are_those_of_the_algorithms),
		cmocka_unit_test(invalid_hash_is_refused),
		cmocka_unit_test(base64_round_trips_at_every_length),
		cmocka_unit_test(blake2b_and_xxh3_are_the_published_functions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
