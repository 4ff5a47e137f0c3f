#include "pool/base_choice.h"

#include <stdio.h>
#include <string.h>

#include "expect.h"

#define HASH "123456789abcdfghijklmnpqrsvwxyz-"

static struct nf_storepath path_of(char first, const char *name)
{
	struct nf_storepath path;
	char base[100];

	snprintf(base, sizeof(base), "%c" HASH "%s", first, name);
	assert_int_equal(nf_storepath_parse_base(&path, nf_slice_str(base), NULL), 0);
	return path;
}

static void the_likeliest_base_comes_first(void **state)
{
	static const char *const names[] = {
		"openssl-3.0.14",     "openssl-3.0.14-dev",    "openssl-3.0.13-dev",
		"openssl-mixin-1.0",  "nixos-system-lab-1",    "gcc",
		"openssl-3.0.14.drv", "xorg-server-21.1-1+b2", "glibc-2.40-66-dev",
	};
	static const char *const rows[][4] = {
		{ "openssl-3.0.14-dev", "openssl-3.0.14-dev", "openssl-3.0.13-dev",
		  "openssl-3.0.14" },
		{ "openssl-3.0.15", "openssl-3.0.14", "openssl-3.0.14-dev",
		  "openssl-3.0.13-dev" },
		{ "openssl-mixin-2.0", "openssl-mixin-1.0" },
		{ "nixos-system-lab-2", "nixos-system-lab-1" },
		{ "gcc", "gcc" },
		{ "gcc-13", "gcc" },
		{ "xorg-server-21.2-1", "xorg-server-21.1-1+b2" },
		{ "glibc-2.41-dev", "glibc-2.40-66-dev" },
		{ "unknown-1" },
	};
	struct inventory bases = { 0 };
	struct base_choice *c;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const struct nf_hash hash = { .algo = NF_SHA256 };
		const struct nf_storepath path = path_of((char)('0' + i), names[i]);

		inventory_add(&bases, &path, &hash);
	}
	inventory_sort(&bases);
	c = base_choice_new(&bases);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct nf_storepath path = path_of('z', rows[i][0]);
		const struct nf_bundle_required *found[8];
		size_t count = base_choice_find(c, &path, found, 8), want = 0;

		while (want < 3 && rows[i][want + 1])
			want++;
		assert_int_equal(count, want);
		for (size_t j = 0; j < want; j++)
			assert_string_equal(found[j]->path.base + 33, rows[i][j + 1]);
		assert_true(base_choice_find(c, &path, found, 1) <= 1);
	}
	base_choice_free(c);
	inventory_release(&bases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_likeliest_base_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
