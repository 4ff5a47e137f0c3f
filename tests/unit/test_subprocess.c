#include "base/subprocess.h"

#include <nixferry/err.h>
#include <string.h>

#include "expect.h"

static int run_shell(const char *script, struct buf *out, struct nf_err *err)
{
	const char *argv[] = { "sh", "-c", script, NULL };

	return subprocess_run(argv, out, err);
}

static void output_is_appended(void **state)
{
	AUTO_BUF struct buf out = { 0 };
	struct nf_err err;

	(void)state;
	buf_init(&out, 100);
	buf_add_str(&out, "> ");
	assert_int_equal(run_shell("echo out; echo note >&2; cat", &out, &err), 0);
	assert_string_equal(out.ptr, "> out\n");
}

/* Both pipes are read: neither may fill up and stop the program. */
static void much_output_and_many_messages_do_not_block(void **state)
{
	AUTO_BUF struct buf out = { 0 };
	struct nf_err err;

	(void)state;
	buf_init(&out, 1 << 20);
	assert_int_equal(
		run_shell("head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero", &out,
			  &err),
		0);
	assert_int_equal(out.len, 300000);
}

static void shell_words_are_not_interpreted(void **state)
{
	const char *argv[] = { "printf", "%s|", "$HOME", "a b", "`x`", NULL };
	AUTO_BUF struct buf out = { 0 };
	struct nf_err err;

	(void)state;
	buf_init(&out, 100);
	assert_int_equal(subprocess_run(argv, &out, &err), 0);
	assert_string_equal(out.ptr, "$HOME|a b|`x`|");
}

static void failure_has_the_programs_message(void **state)
{
	static const struct {
		const char *script, *want;
	} rows[] = {
		{ "echo first >&2; echo last >&2; exit 1", "sh: last" },
		{ "echo 'error: bad' >&2; echo 'hint: x' >&2; exit 1", "sh: error: bad" },
		{ "echo 'error: a' >&2; echo 'error: b' >&2; exit 1", "sh: error: b" },
		{ "echo 'error: a' >&2; echo 'error:' >&2; exit 1", "sh: error: a" },
		{ "echo '  why  ' >&2; echo >&2; exit 9", "sh: why" },
		{ "echo out; exit 3", "sh: exit status 3" },
		{ "kill -9 $$", "sh: killed by signal 9" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF struct buf out = { 0 };
		struct nf_err err = { 0 };

		buf_init(&out, 100);
		expect_error(err, run_shell(rows[i].script, &out, &err), NF_E_SYS,
			     rows[i].want);
	}
}

/* It would go on for ever: too much output ends it. */
static void output_is_bounded(void **state)
{
	AUTO_BUF struct buf out = { 0 };
	struct nf_err err = { 0 };

	(void)state;
	buf_init(&out, 1000);
	expect_error(err, run_shell("exec cat /dev/zero", &out, &err), NF_E_LIMIT,
		     "the program's output exceeds 1000 bytes");
}

static void missing_program_is_named(void **state)
{
	const char *argv[] = { "no-such-program", NULL };
	AUTO_BUF struct buf out = { 0 };
	struct nf_err err = { 0 };

	(void)state;
	buf_init(&out, 100);
	expect_error(err, subprocess_run(argv, &out, &err), NF_E_MISSING,
		     "'no-such-program' is not on PATH");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_is_appended),
		cmocka_unit_test(much_output_and_many_messages_do_not_block),
		cmocka_unit_test(shell_words_are_not_interpreted),
		cmocka_unit_test(failure_has_the_programs_message),
		cmocka_unit_test(output_is_bounded),
		cmocka_unit_test(missing_program_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
