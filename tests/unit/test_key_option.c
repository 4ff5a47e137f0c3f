#include "format/key_option.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <nixferry/key.h>

#include "base/cleanup.h"

static void the_option_can_be_pasted(void **state)
{
	static const struct {
		const char *name, *text, *want;
	} rows[] = {
		{ "lab-1", "lab-1:AbC+/=", "--trusted-public-key lab-1:AbC+/=" },
		{ NULL, "lab-1:AbC", "--trusted-public-key lab-1:AbC" },
		{ "lab-1", NULL, "--trusted-public-key lab-1:KEY" },
		{ "$(x)", NULL, "--trusted-public-key '$(x):KEY'" },
		{ "cache.nixos.org-1", NULL,
		  "--trusted-public-key " NF_DEFAULT_PUBLIC_KEY },
		{ "cache.nixos.org", NULL, "--trusted-public-key cache.nixos.org:KEY" },
		{ "cache.nixos.org-1", "cache.nixos.org-1:other",
		  "--trusted-public-key cache.nixos.org-1:other" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF struct buf out = { 0 };

		buf_init(&out, KEY_OPTION_MAX);
		key_option_add(&out, rows[i].name, rows[i].text);
		assert_string_equal(out.ptr, rows[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_option_can_be_pasted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
