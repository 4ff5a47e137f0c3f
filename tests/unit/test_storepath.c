#include <nixferry/storepath.h>

#include <stdio.h>
#include <string.h>

#include "expect.h"

#define HASH	"sgii4f5h9d2lym14f3av1r80w53l9k82"
#define TEN	"0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static void base_name_parses_and_formats(void **state)
{
	char text[NF_STOREPATH_TEXT_MAX];
	struct nf_storepath sp;
	struct nf_err err;

	(void)state;
	assert_int_equal(
		nf_storepath_parse_base(&sp, NF_SLICE_LIT(HASH "-a-1.0.drv"), &err), 0);
	assert_true(nf_slice_is(nf_storepath_hash(&sp), HASH));
	assert_true(nf_slice_is(nf_storepath_name(&sp), "a-1.0.drv"));
	assert_true(nf_slice_is(nf_storepath_base(&sp), HASH "-a-1.0.drv"));
	assert_true(nf_storepath_is_drv(&sp));
	assert_string_equal(nf_storepath_format(text, &sp),
			    "/nix/store/" HASH "-a-1.0.drv");
	assert_int_equal(nf_storepath_parse(&sp, nf_slice_str(text), &err), 0);
	assert_string_equal(sp.base, HASH "-a-1.0.drv");
}

static void names_follow_nixs_rules(void **state)
{
	static const struct {
		const char *name;
		const char *fault; /* NULL: none */
	} rows[] = {
		{ "a", NULL },
		{ "+-._?=09azAZ", NULL },
		{ "-a", NULL },
		{ ".gitignore", NULL },
		{ "...", NULL },
		{ "..a-b", NULL },
		{ HUNDRED HUNDRED TEN "1", NULL },
		{ "", "it is too short" },
		{ HUNDRED HUNDRED TEN "12", "its name is longer than 211 bytes" },
		{ "a b", "its name contains an invalid character" },
		{ "a/b", "its name contains an invalid character" },
		{ "a\n", "its name contains an invalid character" },
		{ "\xc3\xa4", "its name contains an invalid character" },
		{ "a,b", "its name contains an invalid character" },
		{ ".", "its name begins with the component '.' or '..'" },
		{ "..", "its name begins with the component '.' or '..'" },
		{ ".-a", "its name begins with the component '.' or '..'" },
		{ "..-", "its name begins with the component '.' or '..'" },
	};
	char base[400], want[700];
	struct nf_storepath sp;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc;

		snprintf(base, sizeof(base), HASH "-%s", rows[i].name);
		rc = nf_storepath_parse_base(&sp, nf_slice_str(base), &err);
		if (!rows[i].fault) {
			assert_int_equal(rc, 0);
			assert_string_equal(sp.base, base);
			continue;
		}
		snprintf(want, sizeof(want), "'%s' is not a store path: %s", base,
			 rows[i].fault);
		expect_error(err, rc, NF_E_FORMAT, want);
	}
}

static void name_with_a_nul_is_refused(void **state)
{
	struct nf_storepath sp;

	(void)state;
	assert_int_equal(nf_storepath_parse_base(&sp, NF_SLICE_LIT(HASH "-a\0"), NULL),
			 -NF_E_FORMAT);
	assert_int_equal(nf_storepath_parse_base(&sp, nf_slice(NULL, 0), NULL),
			 -NF_E_FORMAT);
}

static void the_hash_part_is_32_characters_of_nix32(void **state)
{
	static const struct {
		const char *base;
		const char *text;
	} rows[] = {
		{ "sgii4f5h9d2lym14f3av1r80w53l9k8e-a",
		  "'sgii4f5h9d2lym14f3av1r80w53l9k8e-a' is not a store path: its hash part is not 32 characters of Nix32" },
		{ "SGii4f5h9d2lym14f3av1r80w53l9k82-a",
		  "'SGii4f5h9d2lym14f3av1r80w53l9k82-a' is not a store path: its hash part is not 32 characters of Nix32" },
		{ "sgii4f5h9d2lym14f3av1r80w53l9k8-ab",
		  "'sgii4f5h9d2lym14f3av1r80w53l9k8-ab' is not a store path: its hash part is not 32 characters of Nix32" },
		{ HASH "1-a",
		  "'" HASH "1-a' is not a store path: no '-' follows its hash part" },
		{ HASH "-", "'" HASH "-' is not a store path: it is too short" },
		{ "", "'' is not a store path: it is too short" },
	};
	struct nf_storepath sp;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect_error(
			err,
			nf_storepath_parse_base(&sp, nf_slice_str(rows[i].base), &err),
			NF_E_FORMAT, rows[i].text);
	assert_true(nf_storepath_is_hash(NF_SLICE_LIT(HASH)));
	assert_false(nf_storepath_is_hash(NF_SLICE_LIT(HASH "0")));
	assert_false(
		nf_storepath_is_hash(NF_SLICE_LIT("sgii4f5h9d2lym14f3av1r80w53l9k8u")));
}

static void path_is_directly_below_the_store(void **state)
{
	static const struct {
		const char *path;
		const char *fault;
	} rows[] = {
		{ "/nix/store", "it is not in /nix/store" },
		{ "/nix/store/", "it is too short" },
		{ "/nix//store/" HASH "-a", "it is not in /nix/store" },
		{ "/gnu/store/" HASH "-a", "it is not in /nix/store" },
		{ HASH "-a", "it is not in /nix/store" },
		{ "/nix/store/" HASH "-a/b", "its name contains an invalid character" },
		{ "/nix/store/../store/" HASH "-a",
		  "its hash part is not 32 characters of Nix32" },
	};
	struct nf_storepath sp;
	struct nf_err err;
	char want[400];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(want, sizeof(want), "'%s' is not a store path: %s", rows[i].path,
			 rows[i].fault);
		expect_error(err,
			     nf_storepath_parse(&sp, nf_slice_str(rows[i].path), &err),
			     NF_E_FORMAT, want);
	}
}

static void subpath_is_separated_from_the_path(void **state)
{
	static const struct {
		const char *text;
		const char *below;
	} rows[] = {
		{ "/nix/store/" HASH "-a", "" },
		{ "/nix/store/" HASH "-a/", "/" },
		{ "/nix/store/" HASH "-a/bin/sh", "/bin/sh" },
	};
	struct nf_slice below;
	struct nf_storepath sp;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(nf_storepath_parse_below(&sp, nf_slice_str(rows[i].text),
							  &below, &err),
				 0);
		assert_string_equal(sp.base, HASH "-a");
		assert_true(nf_slice_is(below, rows[i].below));
	}
	assert_int_equal(
		nf_storepath_parse_below(&sp, nf_slice_str(rows[1].text), NULL, &err), 0);
	expect_error(
		err, nf_storepath_parse_below(&sp, NF_SLICE_LIT("/bin/sh"), &below, &err),
		NF_E_FORMAT, "'/bin/sh' is not a store path: it is not in /nix/store");
}

static void an_overlong_text_is_quoted_in_part(void **state)
{
	char text[1000], want[400];
	struct nf_storepath sp;
	struct nf_err err;

	(void)state;
	memset(text, 'a', sizeof(text));
	snprintf(want, sizeof(want), "'%.255s...' is not a store path: it is not in %s",
		 text, NF_STORE_DIR);
	expect_error(err, nf_storepath_parse(&sp, nf_slice(text, sizeof(text)), &err),
		     NF_E_FORMAT, want);
}

static void paths_are_made_as_nix_makes_them(void **state)
{
	static const struct {
		const char *type;
		const char *inner;
		const char *name;
		const char *base;
	} rows[] = {
		{ "source",
		  "5d6abd8f4957424c186f7eeb3b60af6a57a4b65f6861f48284481f1a86ecfb8a",
		  "tree", "sgii4f5h9d2lym14f3av1r80w53l9k82-tree" },
		{ "source",
		  "1c37d01af40be2e80691de3cc3df44377a699afbb17c68f080964b2fd071fc13", "f",
		  "xp0dpr9yz5h0fk5c5lpj7zzqjbdh3w8c-f" },
		{ "text:/nix/store/xp0dpr9yz5h0fk5c5lpj7zzqjbdh3w8c-f",
		  "c4b2932f8519500ba4da0596dfd744ab5e9546e1aa9f4edba3959a37e62f6a37",
		  "x.drv", "vb6vg83jvp637nz5cjshmyxq1p1dq36i-x.drv" },
		{ "output:out",
		  "bc101cf2ad0f504c5dd74b9cce0a732e7157bfbddd2afec191aa0eecd3e252a9",
		  "hello.txt", "gy454w1cxaq731grqwylhzf4pp9r5izh-hello.txt" },
	};
	struct nf_hash inner = { .algo = NF_SHA256 };
	struct nf_storepath sp;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(nf_hash_parse_digest(&inner, NF_SHA256,
						      nf_slice_str(rows[i].inner), &err),
				 0);
		assert_int_equal(nf_storepath_make(&sp, rows[i].type, &inner,
						   nf_slice_str(rows[i].name), &err),
				 0);
		assert_string_equal(sp.base, rows[i].base);
		assert_int_equal(sp.len, strlen(rows[i].base));
	}
	expect_error(err,
		     nf_storepath_make(&sp, "source", &inner, NF_SLICE_LIT("a b"), &err),
		     NF_E_FORMAT,
		     "'a b' is not a store path: its name contains an invalid character");
}

static void paths_are_ordered_by_bytes(void **state)
{
	struct nf_storepath a, b;
	struct nf_err err;

	(void)state;
	assert_int_equal(nf_storepath_parse_base(&a, NF_SLICE_LIT(HASH "-a"), &err), 0);
	assert_int_equal(nf_storepath_parse_base(&b, NF_SLICE_LIT(HASH "-a-b"), &err), 0);
	assert_true(nf_storepath_cmp(&a, &b) < 0);
	assert_true(nf_storepath_cmp(&b, &a) > 0);
	assert_int_equal(nf_storepath_cmp(&a, &a), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base_name_parses_and_formats),
		cmocka_unit_test(names_follow_nixs_rules),
		cmocka_unit_test(name_with_a_nul_is_refused),
		cmocka_unit_test(the_hash_part_is_32_characters_of_nix32),
		cmocka_unit_test(path_is_directly_below_the_store),
		cmocka_unit_test(subpath_is_separated_from_the_path),
		cmocka_unit_test(an_overlong_text_is_quoted_in_part),
		cmocka_unit_test(paths_are_made_as_nix_makes_them),
		cmocka_unit_test(paths_are_ordered_by_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
