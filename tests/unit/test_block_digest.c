#include "format/block_digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/limits.h"

#define BLOCKS 3

struct lists {
	struct manifest m;
	uint8_t bytes[2 * BLOCKS * MANIFEST_DIGEST_SIZE];
	size_t len;
};

static void make_lists(struct lists *l, unsigned version)
{
	*l = (struct lists){ .m = { .version = version, .payload_size = 2 * MIB + 1 } };
	l->len = block_digest_len(&l->m);
	for (uint64_t i = 0; i < BLOCKS; i++)
		block_digest_put(l->bytes, &l->m, i, "abc", (size_t)i + 1);
	block_digest_pin(&l->m, l->bytes);
}

static void either_list_finds_a_changed_block(void **state)
{
	static const enum block_digest_kind kinds[] = { BLOCK_DIGEST_BLAKE2B,
							BLOCK_DIGEST_SHA256 };

	(void)state;
	for (unsigned version = 1; version <= 2; version++) {
		struct lists l;

		make_lists(&l, version);
		assert_int_equal(l.len, version * BLOCKS * MANIFEST_DIGEST_SIZE);
		for (size_t k = 0; k < version; k++)
			for (uint64_t i = 0; i < BLOCKS; i++) {
				assert_true(block_digest_match(l.bytes, &l.m, kinds[k], i,
							       "abc", (size_t)i + 1));
				assert_false(block_digest_match(l.bytes, &l.m, kinds[k],
								i, "abd!",
								(size_t)i + 2));
			}
	}
}

static void a_change_in_any_list_is_found(void **state)
{
	struct nf_err err;
	struct lists l;

	(void)state;
	make_lists(&l, 2);
	assert_int_equal(block_digest_check(&l.m, l.bytes, l.len, NULL), 0);
	for (size_t i = 0; i < l.len; i++) {
		l.bytes[i] ^= 1;
		assert_int_equal(block_digest_check(&l.m, l.bytes, l.len, &err),
				 -NF_E_HASH);
		l.bytes[i] ^= 1;
	}
	assert_int_equal(block_digest_check(&l.m, l.bytes, l.len / 2, &err),
			 -NF_E_FORMAT);
	assert_string_equal(err.text, "96 bytes of block digests for 3 blocks");
}

static void version_1_has_one_list(void **state)
{
	struct lists l;

	(void)state;
	make_lists(&l, 1);
	assert_int_equal(block_digest_choose(&l.m), BLOCK_DIGEST_BLAKE2B);
	l.m.version = 2;
	assert_int_equal(block_digest_choose(&l.m), hash_sha256_is_fast()
							    ? BLOCK_DIGEST_SHA256
							    : BLOCK_DIGEST_BLAKE2B);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(either_list_finds_a_changed_block),
		cmocka_unit_test(a_change_in_any_list_is_found),
		cmocka_unit_test(version_1_has_one_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
