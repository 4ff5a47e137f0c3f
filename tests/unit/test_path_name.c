#include "format/path_name.h"

#include "base/cleanup.h"
#include "expect.h"

static void the_stem_ends_where_the_version_begins(void **state)
{
	static const struct {
		const char *name, *stem;
	} rows[] = {
		{ "openssl-3.0.14-dev", "openssl" },
		{ "nixos-system-web-25.05", "nixos-system-web" },
		{ "gcc-wrapper", "gcc-wrapper" },
		{ "x-_y", "x" },
		{ "a--b", "a" },
		{ "font-\303\251", "font" },
		{ "ends-", "ends-" },
		{ "-1", "" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!nf_slice_is(path_name_stem(nf_slice_str(rows[i].name)),
				 rows[i].stem))
			fail_msg("%s", rows[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_stem_ends_where_the_version_begins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
