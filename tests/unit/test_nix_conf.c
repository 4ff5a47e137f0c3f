#include "input/nix_conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "expect.h"

/* Files that exist in a test only. */
struct conf_files {
	const struct conf_file {
		const char *path, *text;
	} * list;
};

static int read_from_list(void *ctx, const char *path, struct buf *out,
			  struct nf_err *err)
{
	const struct conf_files *files = ctx;

	if (strcmp(path, "/secret") == 0)
		return err_set(err, NF_E_SYS, "cannot open '/secret': Permission denied");
	for (const struct conf_file *f = files->list; f && f->path; f++) {
		if (strcmp(f->path, path) != 0)
			continue;
		buf_add_str(out, f->text);
		return 0;
	}
	return err_set(err, NF_E_MISSING, "'%s' does not exist", path);
}

/* "name=value@file:line;" of each entry; free(). */
static char *describe_conf(const struct nix_conf *c)
{
	struct buf out;

	buf_init(&out, 65536);
	for (size_t i = 0; i < c->count; i++)
		buf_addf(&out, "%s=%s@%s:%u;", c->entries[i].name, c->entries[i].value,
			 c->entries[i].file, c->entries[i].line);
	return buf_take(&out);
}

static void assert_reads(const char *text, struct conf_files *files, const char *want)
{
	struct nix_conf c;
	struct nf_err err = { 0 };
	char *got;

	nix_conf_init(&c, read_from_list, files);
	if (nix_conf_parse(&c, nf_slice_str(text), "/etc/f", &err))
		fail_msg("%s", err.text);
	got = describe_conf(&c);
	assert_string_equal(got, want);
	free(got);
	nix_conf_release(&c);
}

static void lines_are_settings_comments_or_empty(void **state)
{
	static const struct {
		const char *text, *want, *reason;
	} rows[] = {
		{ "", "", "nothing" },
		{ "\n \t \n\r\n# a = b\n", "", "only space and comments" },
		{ "a = b", "a=b@/etc/f:1;", "the last line needs no line feed" },
		{ "  a\t=  b   c \r\n", "a=b c@/etc/f:1;", "one space is between words" },
		{ "a = b # c\n", "a=b@/etc/f:1;", "a comment behind a value" },
		{ "a = b#c\n", "a=b@/etc/f:1;", "a comment needs no space before it" },
		{ "a =\n", "a=@/etc/f:1;", "a value may be empty" },
		{ "a = = b\n", "a== b@/etc/f:1;", "only the first '=' is special" },
		{ "a = 1\n\na = 2\n", "a=1@/etc/f:1;a=2@/etc/f:3;",
		  "all are kept, in order" },
		{ "extra-a = 1\n", "extra-a=1@/etc/f:1;", "names are as written" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("%s\n", rows[i].reason);
		assert_reads(rows[i].text, &(struct conf_files){ 0 }, rows[i].want);
	}
}

static void included_files_count_where_they_are_included(void **state)
{
	static const struct conf_file list[] = {
		{ "/etc/more", "b = 2\n" },
		{ "/etc/sub/x", "b = 3\ninclude y\n" },
		{ "/etc/sub/y", "b = 4\n" },
		{ "/abs", "b = 5\n" },
		{ 0 },
	};
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "a = 1\ninclude more\nc = 3\n",
		  "a=1@/etc/f:1;b=2@/etc/more:1;c=3@/etc/f:3;" },
		{ "include sub/x\n", "b=3@/etc/sub/x:1;b=4@/etc/sub/y:1;" },
		{ "include /abs # always\n", "b=5@/abs:1;" },
		{ "!include more\n", "b=2@/etc/more:1;" },
		{ "!include none\na = 1\n", "a=1@/etc/f:2;" },
		{ "!include /secret\na = 1\n", "a=1@/etc/f:2;" },
		{ "include more\ninclude more\n", "b=2@/etc/more:1;b=2@/etc/more:1;" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_reads(rows[i].text, &(struct conf_files){ list }, rows[i].want);
}

static void faults_are_reported_with_file_and_line(void **state)
{
	static const struct conf_file list[] = {
		{ "/etc/bad", "a = 1\nb c\n" },
		{ "/etc/loop", "include loop\n" },
		{ "/etc/ping", "include pong\n" },
		{ "/etc/pong", "\n!include ping\n" },
		{ 0 },
	};
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "a=b\n", "/etc/f:1: 'a=b' is not followed by '=' as a separate word" },
		{ "\na b\n", "/etc/f:2: 'a' is not followed by '=' as a separate word" },
		{ "a =b c\n", "/etc/f:1: 'a' is not followed by '=' as a separate word" },
		{ "a\n", "/etc/f:1: 'a' is not followed by '=' as a separate word" },
		{ "= b\n", "/etc/f:1: '=' is not followed by '=' as a separate word" },
		{ "token-012345678901234567890123456789012345678901234567890123456789\n",
		  "/etc/f:1: "
		  "'token-012345678901234567890123456789012345678901234567890123' is "
		  "not followed by '=' as a separate word" },
		{ "include\n", "/etc/f:1: 'include' takes one file name" },
		{ "!include a b\n", "/etc/f:1: 'include' takes one file name" },
		{ "a = 1\ninclude none\n",
		  "/etc/f:2: included file: '/etc/none' does not exist" },
		{ "include /secret\n",
		  "/etc/f:1: included file: cannot open '/secret': Permission denied" },
		{ "include bad\n",
		  "/etc/bad:2: 'b' is not followed by '=' as a separate word" },
		{ "include f\n", "/etc/f:1: '/etc/f' includes itself" },
		{ "include loop\n", "/etc/loop:1: '/etc/loop' includes itself" },
		{ "include ping\n", "/etc/pong:2: '/etc/ping' includes itself" },
	};
	struct nix_conf c;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		nix_conf_init(&c, read_from_list, &(struct conf_files){ list });
		expect_error(
			err,
			nix_conf_parse(&c, nf_slice_str(rows[i].text), "/etc/f", &err),
			NF_E_USAGE, rows[i].error);
		nix_conf_release(&c);
	}
	nix_conf_init(&c, NULL, NULL);
	expect_error(err, nix_conf_parse(&c, nf_slice("a\0b = c", 7), "f", &err),
		     NF_E_USAGE, "f:1: it contains a NUL");
	nix_conf_release(&c);
}

/* Each file includes the next. */
static int read_endlessly(void *ctx, const char *path, struct buf *out,
			  struct nf_err *err)
{
	(void)ctx;
	(void)err;
	buf_addf(out, "include %sx\n", path);
	return 0;
}

/* Many files, each small. */
static int read_nothing(void *ctx, const char *path, struct buf *out, struct nf_err *err)
{
	(void)ctx;
	(void)path;
	(void)out;
	(void)err;
	return 0;
}

static void files_have_limits_in_depth_number_and_size(void **state)
{
	struct nix_conf c;
	struct nf_err err;
	struct buf text;

	(void)state;
	nix_conf_init(&c, read_endlessly, NULL);
	expect_error(err, nix_conf_parse(&c, NF_SLICE_LIT("include x"), "f", &err),
		     NF_E_USAGE,
		     "xxxxxxxxxxxxxxx:1: included files are nested deeper than 16");
	nix_conf_release(&c);

	buf_init(&text, SIZE_MAX);
	for (int i = 0; i < NIX_CONF_FILES_MAX; i++)
		buf_add_str(&text, "include x\n");
	nix_conf_init(&c, read_nothing, NULL);
	expect_error(err, nix_conf_parse(&c, buf_slice(&text), "f", &err), NF_E_USAGE,
		     "x: more than 256 configuration files");
	nix_conf_release(&c);

	buf_clear(&text);
	while (text.len <= NIX_CONF_MAX)
		buf_add_str(&text, "# a comment that is longer than all the others\n");
	nix_conf_init(&c, NULL, NULL);
	expect_error(err, nix_conf_parse(&c, buf_slice(&text), "f", &err), NF_E_USAGE,
		     "f: larger than 1048576 bytes");
	nix_conf_release(&c);
	buf_release(&text);
}

static void missing_file_or_directory_is_reported(void **state)
{
	struct nix_conf c;
	struct nf_err err;

	(void)state;
	nix_conf_init(&c, NULL, NULL);
	expect_error(err, nix_conf_read(&c, "/nonexistent/nix.conf", &err), NF_E_MISSING,
		     "'/nonexistent/nix.conf' does not exist");
	expect_error(err, nix_conf_read(&c, "/", &err), NF_E_SYS,
		     "cannot read '/': Is a directory");
	assert_int_equal(c.count, 0);
	nix_conf_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_settings_comments_or_empty),
		cmocka_unit_test(included_files_count_where_they_are_included),
		cmocka_unit_test(faults_are_reported_with_file_and_line),
		cmocka_unit_test(files_have_limits_in_depth_number_and_size),
		cmocka_unit_test(missing_file_or_directory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
