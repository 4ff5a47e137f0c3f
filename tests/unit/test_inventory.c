#include "format/inventory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "bundle_fixture.h"

#define A    "0123456789abcdfghijklmnpqrsvwxyz-a"
#define B    "1123456789abcdfghijklmnpqrsvwxyz-b"
#define ONE  "0000000000000000000000000000000000000000000000000001"
#define TWO  "0000000000000000000000000000000000000000000000000002"
#define HEAD "nixferry-inventory 1\n"
#define BOTH HEAD A " " ONE "\n" B " " TWO "\n"

static void add_item(struct inventory *inv, const char *base, uint8_t hash)
{
	struct nf_hash h = { .algo = NF_SHA256, .bytes = { hash } };
	struct nf_storepath path;

	assert_int_equal(nf_storepath_parse_base(&path, nf_slice_str(base), NULL), 0);
	inventory_add(inv, &path, &h);
}

static struct nf_keyring *make_ring(void)
{
	struct nf_keyring *ring = nf_keyring_new();

	assert_int_equal(nf_keyring_add(ring, NF_SLICE_LIT(FIXTURE_PUBLIC), NULL), 0);
	return ring;
}

static int parse(struct inventory *inv, const char *text, char **signer,
		 struct nf_err *err)
{
	struct nf_keyring *ring = make_ring();
	int rc = inventory_parse(inv, nf_slice_str(text), ring, signer, err);

	nf_keyring_free(ring);
	return rc;
}

static void an_inventory_is_written_and_read(void **state)
{
	struct inventory inv = { 0 }, again;
	char *signer;
	struct buf text;

	(void)state;
	add_item(&inv, B, 2);
	add_item(&inv, A, 1);
	add_item(&inv, A, 1);
	inventory_sort(&inv);
	buf_init(&text, INVENTORY_MAX);
	inventory_format(&text, &inv, NULL);
	assert_string_equal(text.ptr, BOTH);
	assert_int_equal(parse(&again, BOTH, &signer, NULL), 0);
	assert_null(signer);
	assert_int_equal(again.count, 2);
	assert_non_null(inventory_find(&again, NF_SLICE_LIT(B)));
	assert_int_equal(inventory_find(&again, NF_SLICE_LIT(B))->nar_hash.bytes[0], 2);
	assert_null(inventory_find(&again, NF_SLICE_LIT(B "b")));
	inventory_release(&again);
	inventory_release(&inv);
	buf_release(&text);
}

static void a_signature_is_verified(void **state)
{
	struct inventory inv = { 0 }, again;
	struct nf_secret_key *key;
	struct nf_err err = { 0 };
	char *signer, *at;
	struct buf text;

	(void)state;
	assert_int_equal(nf_secret_key_parse(&key, NF_SLICE_LIT(FIXTURE_SECRET), NULL),
			 0);
	add_item(&inv, A, 1);
	buf_init(&text, INVENTORY_MAX);
	inventory_format(&text, &inv, key);
	assert_int_equal(parse(&again, text.ptr, &signer, NULL), 0);
	assert_string_equal(signer, "test-1");
	free(signer);
	inventory_release(&again);
	at = strstr(text.ptr, "1\nsignature");
	*at = '2';
	assert_int_equal(parse(&again, text.ptr, &signer, &err), -NF_E_TRUST);
	/* One by a key that nobody knows proves nothing, and does no harm. */
	at = strstr(text.ptr, "test-1");
	*at = 'b';
	assert_int_equal(parse(&again, text.ptr, &signer, NULL), 0);
	assert_null(signer);
	inventory_release(&again);
	inventory_release(&inv);
	nf_secret_key_free(key);
	buf_release(&text);
}

static void each_fault_is_named(void **state)
{
	static const struct {
		const char *text;
		enum nf_error code;
		const char *says;
	} rows[] = {
		{ "", NF_E_FORMAT, "line 1: not an inventory" },
		{ "nixferry-inventory 1", NF_E_FORMAT, "line 1: not an inventory" },
		{ "nixferry-inventory 2\n", NF_E_UNSUPPORTED,
		  "line 1: unknown inventory version 2: only version 1 is supported" },
		{ HEAD "x\n", NF_E_FORMAT,
		  "line 2: 'x' is not a store path: it is too short" },
		{ HEAD A "\n", NF_E_FORMAT,
		  "line 2: '" A "' has no SHA-256 hash in Nix32" },
		{ HEAD A " 1" ONE "\n", NF_E_FORMAT,
		  "line 2: '" A "' has no SHA-256 hash in Nix32" },
		{ HEAD A " " ONE, NF_E_FORMAT, "line 2: no line feed at the end" },
		{ BOTH A " " ONE "\n", NF_E_FORMAT, "line 4: '" A "' is out of order" },
		{ BOTH B " " TWO "\n", NF_E_FORMAT, "line 4: '" B "' is out of order" },
		{ HEAD "signature a:b\n" A " " ONE "\n", NF_E_FORMAT,
		  "line 2: text after the signature" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct nf_err err = { 0 };
		struct inventory inv;
		char *signer;

		assert_int_equal(parse(&inv, rows[i].text, &signer, &err),
				 -(int)rows[i].code);
		assert_string_equal(err.text, rows[i].says);
		assert_int_equal(inv.count, 0);
	}
}

static void inventories_are_joined_and_compared(void **state)
{
	struct inventory a = { 0 }, b = { 0 };

	(void)state;
	add_item(&a, A, 1);
	add_item(&b, A, 1);
	add_item(&b, B, 2);
	inventory_merge(&a, &b);
	assert_int_equal(a.count, 2);
	b.items[1].nar_hash.bytes[0] = 3;
	inventory_intersect(&a, &b);
	assert_int_equal(a.count, 1);
	assert_string_equal(a.items[0].path.base, A);
	/* Which of the two a target has is not known. */
	b.items[0].nar_hash.bytes[0] = 9;
	inventory_merge(&a, &b);
	assert_int_equal(a.count, 1);
	assert_string_equal(a.items[0].path.base, B);
	inventory_release(&a);
	inventory_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_inventory_is_written_and_read),
		cmocka_unit_test(a_signature_is_verified),
		cmocka_unit_test(each_fault_is_named),
		cmocka_unit_test(inventories_are_joined_and_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
