/* Which cause has which remedy: the options and settings in it, not its wording. */
#include "cmd/plan_remedy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <nixferry/key.h>

static void expect_remedy(struct query_cause cause, bool is_build, const char *has,
			  const char *lacks)
{
	AUTO_BUF struct buf out = { 0 };

	buf_init(&out, 4096);
	plan_remedy_text(&out, &cause, is_build);
	if (!strstr(out.ptr, has))
		fail_msg("'%s' lacks '%s'", out.ptr, has);
	if (lacks && strstr(out.ptr, lacks))
		fail_msg("'%s' has '%s'", out.ptr, lacks);
}

static void each_cause_has_a_remedy(void **state)
{
	static const struct {
		enum cause cause;
		const char *has;
	} rows[] = {
		{ CAUSE_ABSENT, "--extra-substituter URL" },
		{ CAUSE_NO_SUBSTITUTER, "--substituter URL" },
		{ CAUSE_LOCAL_ONLY, "always-allow-substitutes = true" },
		{ CAUSE_FLOATING, "plan again" },
		{ CAUSE_NO_DERIVATION, "--from-store ROOT" },
		{ CAUSE_OTHER_STORE, "remove" },
		{ CAUSE_UNREACHABLE, "nixferry caches" },
		{ CAUSE_DENIED, "--netrc-file FILE" },
		{ CAUSE_BAD_ANSWER, "--extra-substituter URL" },
		{ CAUSE_NOT_TRUSTED, "sign" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		expect_remedy((struct query_cause){ .cause = rows[i].cause }, false,
			      rows[i].has, NULL);
}

static void only_known_derivations_are_to_be_built(void **state)
{
	struct query_cause c = { .cause = CAUSE_ABSENT };

	(void)state;
	expect_remedy(c, true, "build it", NULL);
	expect_remedy(c, false, "--extra-substituter", "build it");
}

static void the_keys_that_signed_are_named(void **state)
{
	struct query_cause c = { .cause = CAUSE_NOT_TRUSTED, .is_signed = true };

	(void)state;
	c.signers = "lab-1";
	expect_remedy(c, false, "--trusted-public-key lab-1:KEY", "KEY or ");
	c.signers = "lab-1 cache.nixos.org-1 up\033[1m";
	expect_remedy(c, false,
		      "--trusted-public-key lab-1:KEY or " NF_DEFAULT_PUBLIC_KEY
		      " or up?[1m:KEY",
		      "\033");
	/* Its key is trusted here, and the signature is wrong. */
	c.signers = NULL;
	expect_remedy(c, false, "public key", "--trusted-public-key");
	c.is_signed = false;
	expect_remedy(c, false, "nix store sign --key-file FILE", "--trusted-public-key");
}

static void a_detail_is_cleaned_and_comes_before_the_default(void **state)
{
	AUTO_BUF struct buf told = { 0 }, build = { 0 }, unknown = { 0 };
	struct query_cause c = { .cause = CAUSE_BAD_ANSWER, .detail = "a\033b" };

	(void)state;
	buf_init(&told, 256);
	buf_init(&build, 256);
	buf_init(&unknown, 256);
	plan_remedy_detail(&told, &c, false);
	assert_string_equal(told.ptr, "a?b");
	c = (struct query_cause){ .cause = CAUSE_ABSENT };
	plan_remedy_detail(&build, &c, true);
	plan_remedy_detail(&unknown, &c, false);
	assert_non_null(strstr(build.ptr, "not in any cache"));
	assert_null(strstr(build.ptr, "build"));
	assert_non_null(strstr(unknown.ptr, "no derivation"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_cause_has_a_remedy),
		cmocka_unit_test(only_known_derivations_are_to_be_built),
		cmocka_unit_test(the_keys_that_signed_are_named),
		cmocka_unit_test(a_detail_is_cleaned_and_comes_before_the_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
