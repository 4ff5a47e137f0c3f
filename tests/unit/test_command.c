#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/suggest.h"
#include "cmd/cmd_args.h"
#include "cmd/commands.h"
#include "cmd/completion.h"
#include "cmd/help.h"
#include "cmd/man.h"

static int run_nothing(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	(void)args;
	(void)ui;
	(void)err;
	return 0;
}

static const struct cmd_option options[] = {
	{ .name = "json", .help = "a flag" },
	{ .name = "quiet", .letter = 'q', .help = "a flag with a letter" },
	{ .name = "verbose", .letter = 'v', .help = "another" },
	{ .name = "help", .letter = 'h', .help = "help" },
	{ .name = "output",
	  .letter = 'o',
	  .value = "FILE",
	  .help = "a value with a letter",
	  .kind = CMD_VALUE_FILE },
	{ .name = "color",
	  .value = "WHEN",
	  .help = "one of some words",
	  .kind = CMD_VALUE_WORDS,
	  .words = "auto always never" },
	{ .name = "key",
	  .value = "KEY",
	  .help = "a repeatable value",
	  .repeatable = true },
	{ .name = "jobs", .letter = 'j', .value = "N", .help = "a number" },
	{ 0 },
};
static const struct cmd_option_group group = { "Options", options };
static const struct cmd_option_group *const groups[] = { &group, NULL };

static const struct command two = { .name = "two",
				    .args = "FROM TO",
				    .summary = "takes two",
				    .text = "Takes two.",
				    .groups = groups,
				    .min_args = 2,
				    .max_args = 2,
				    .run = run_nothing };
static const struct command any = { .name = "any",
				    .args = "[THING...]",
				    .summary = "takes any number",
				    .text = "Takes any number.",
				    .groups = groups,
				    .max_args = SIZE_MAX,
				    .run = run_nothing };
static const struct command none = { .name = "none",
				     .args = "",
				     .summary = "takes nothing",
				     .text = "Takes nothing.",
				     .groups = groups,
				     .run = run_nothing };
static const struct command words = { .name = "words",
				      .args = "on|off",
				      .summary = "takes a word",
				      .text = "Takes a word.",
				      .groups = groups,
				      .min_args = 1,
				      .max_args = 1,
				      .kind = CMD_VALUE_WORDS,
				      .words = "on off",
				      .run = run_nothing };
static const struct command *const commands[] = { &two, &any, &none, &words, NULL };
static const struct program program = { "prog", "A program.", commands };

/* LINE is split at spaces; "''" stands for an empty argument. */
static int parse_line(struct cmd_args **ret, const struct command *command, char *line,
		      struct nf_err *err)
{
	static char empty[] = "";
	char *argv[16];
	int argc = 0;

	for (char *word = strtok(line, " "); word; word = strtok(NULL, " ")) {
		assert_true(argc < 16);
		argv[argc++] = strcmp(word, "''") == 0 ? empty : word;
	}
	return cmd_args_parse(ret, &program, command, argc, argv, err);
}

static const char *or_dash(const char *s)
{
	return s ? s : "-";
}

/* What was understood, in one line. */
static void describe_args(char *out, size_t size, const struct cmd_args *a)
{
	int n = snprintf(
		out, size, "%s%s%s out=%s color=%s keys=%s,%s args=",
		cmd_args_flag(a, "json") ? "J" : "", cmd_args_flag(a, "quiet") ? "Q" : "",
		cmd_args_flag(a, "verbose") ? "V" : "",
		or_dash(cmd_args_value(a, "output")), or_dash(cmd_args_value(a, "color")),
		or_dash(cmd_args_nth(a, "key", 0)), or_dash(cmd_args_nth(a, "key", 1)));

	for (size_t i = 0; i < cmd_args_count(a); i++)
		n += snprintf(out + n, size - (size_t)n, "%s%s", i ? "," : "",
			      cmd_args_get(a, i));
}

static void options_and_arguments_are_distinguished(void **state)
{
	static const struct {
		const char *line, *want, *why;
	} rows[] = {
		{ "", " out=- color=- keys=-,- args=", "nothing given" },
		{ "a b", " out=- color=- keys=-,- args=a,b", "arguments alone" },
		{ "--json a", "J out=- color=- keys=-,- args=a",
		  "a flag takes no value" },
		{ "--output f a", " out=f color=- keys=-,- args=a",
		  "value as the next word" },
		{ "--output=f a", " out=f color=- keys=-,- args=a", "value behind '='" },
		{ "--output=a=b",
		  " out=a=b color=- keys=-,- args=", "only the first '=' parts" },
		{ "-o f", " out=f color=- keys=-,- args=", "letter and word" },
		{ "-of", " out=f color=- keys=-,- args=", "letter and value in one" },
		{ "-qv", "QV out=- color=- keys=-,- args=", "flags in a group" },
		{ "-qof",
		  "Q out=f color=- keys=-,- args=", "a group may end in a value" },
		{ "-qo f", "Q out=f color=- keys=-,- args=", "which may follow" },
		{ "a --json b", "J out=- color=- keys=-,- args=a,b", "they may mix" },
		{ "-- --json -q", " out=- color=- keys=-,- args=--json,-q",
		  "all behind -- is plain" },
		{ "- a", " out=- color=- keys=-,- args=-,a", "- is an argument" },
		{ "--output -", " out=- color=- keys=-,- args=", "and may be a value" },
		{ "--output --json",
		  " out=--json color=- keys=-,- args=", "a value may begin with --" },
		{ "--output f --output g",
		  " out=g color=- keys=-,- args=", "the last one counts" },
		{ "--key a --key b",
		  " out=- color=- keys=a,b args=", "a repeatable one keeps all" },
		{ "--color never",
		  " out=- color=never keys=-,- args=", "one of the words" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO(cmd_args_freep) struct cmd_args *a = NULL;
		struct nf_err err;
		char line[128], got[256];

		snprintf(line, sizeof(line), "%s", rows[i].line);
		assert_int_equal(parse_line(&a, &any, line, &err), 0);
		describe_args(got, sizeof(got), a);
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: got '%s', want '%s'", rows[i].why, got,
				 rows[i].want);
	}
}

static void wrong_usage_names_the_option(void **state)
{
	static const struct {
		const struct command *command;
		const char *line, *text;
	} rows[] = {
		{ &any, "--jsn", "unknown option '--jsn' (did you mean '--json'?)" },
		{ &any, "--out=x", "unknown option '--out' (did you mean '--output'?)" },
		{ &any, "--zebra", "unknown option '--zebra'" },
		{ &any, "-x", "unknown option '-x'" },
		{ &any, "-qx", "unknown option '-x'" },
		{ &any, "--output", "option '--output' needs a value: FILE" },
		{ &any, "-o", "option '-o' needs a value: FILE" },
		{ &any, "--output=", "option '--output': empty FILE" },
		{ &any, "--output ''", "option '--output': empty FILE" },
		{ &any, "--json=yes", "option '--json' takes no value" },
		{ &any, "--color red",
		  "option '--color': 'red' is not one of: auto always never" },
		{ &two, "", "missing argument: expected FROM TO" },
		{ &two, "a", "missing argument: expected FROM TO" },
		{ &two, "a b c", "unexpected argument 'c': expected FROM TO" },
		{ &none, "a", "takes no arguments, got 'a'" },
		{ &words, "up", "on|off: 'up' is not one of: on off" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO(cmd_args_freep) struct cmd_args *a = NULL;
		struct nf_err err;
		char line[128];

		snprintf(line, sizeof(line), "%s", rows[i].line);
		assert_int_equal(parse_line(&a, rows[i].command, line, &err),
				 -NF_E_USAGE);
		assert_int_equal(err.code, NF_E_USAGE);
		assert_string_equal(err.text, rows[i].text);
		assert_null(a);
	}
}

static void help_does_not_ask_for_arguments(void **state)
{
	AUTO(cmd_args_freep) struct cmd_args *a = NULL;
	struct nf_err err;
	char line[] = "-h";

	(void)state;
	assert_int_equal(parse_line(&a, &two, line, &err), 0);
	assert_true(cmd_args_flag(a, "help"));
}

static void numbers_are_within_their_bounds(void **state)
{
	static const struct {
		const char *line;
		int rc;
		uint64_t want;
		const char *text;
	} rows[] = {
		{ "", 0, 7, NULL },
		{ "--jobs 1", 0, 1, NULL },
		{ "--jobs 64", 0, 64, NULL },
		{ "--jobs 0", -NF_E_USAGE, 0,
		  "option '--jobs': '0' is not a number from 1 to 64" },
		{ "--jobs 65", -NF_E_USAGE, 0,
		  "option '--jobs': '65' is not a number from 1 to 64" },
		{ "--jobs 4x", -NF_E_USAGE, 0,
		  "option '--jobs': '4x' is not a number from 1 to 64" },
		{ "--jobs -1", -NF_E_USAGE, 0,
		  "option '--jobs': '-1' is not a number from 1 to 64" },
		{ "--jobs 99999999999999999999", -NF_E_USAGE, 0,
		  "option '--jobs': '99999999999999999999' is not a number from 1 to 64" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO(cmd_args_freep) struct cmd_args *a = NULL;
		struct nf_err err;
		char line[128];
		uint64_t got;

		snprintf(line, sizeof(line), "%s", rows[i].line);
		assert_int_equal(parse_line(&a, &any, line, &err), 0);
		assert_int_equal(cmd_args_number(a, "jobs", 1, 64, 7, &got, &err),
				 rows[i].rc);
		if (rows[i].rc)
			assert_string_equal(err.text, rows[i].text);
		else
			assert_int_equal(got, rows[i].want);
	}
}

static void near_words_are_suggested(void **state)
{
	static const char *const candidates[] = { "import", "verify", "list",  "info",
						  "pool",   "pack",   "keygen" };
	static const struct {
		const char *word, *want, *why;
	} rows[] = {
		{ "imprt", "import", "a letter less" },
		{ "improt", "import", "two letters swapped" },
		{ "verifyy", "verify", "a letter more" },
		{ "lst", "list", "short words too" },
		{ "key", "keygen", "a beginning" },
		{ "destroy", NULL, "nothing like it" },
		{ "x", NULL, "too short for a guess" },
		{ "", NULL, "nothing at all" },
		{ "a-word-that-is-longer-than-any-that-we-have", NULL, "too long" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct suggest s;

		suggest_init(&s, rows[i].word);
		for (size_t c = 0; c < ARRAY_SIZE(candidates); c++)
			suggest_offer(&s, candidates[c]);
		if (!rows[i].want != !s.best ||
		    (s.best && strcmp(s.best, rows[i].want) != 0))
			fail_msg("%s: '%s' gave '%s'", rows[i].why, rows[i].word,
				 or_dash(s.best));
	}
}

static const struct command *const real_commands[] = {
	&cmd_import, &cmd_verify,      &cmd_list, &cmd_info, &cmd_pool,
	&cmd_keygen, &cmd_completions, &cmd_help, NULL,
};
static const struct program real_program = { "nixferry", "Carries closures.",
					     real_commands };

static void assert_lines_fit(const struct buf *text, const char *of)
{
	const char *line = text->ptr;

	while (*line) {
		size_t len = strcspn(line, "\n");

		if (len > HELP_WIDTH)
			fail_msg("help of %s: '%.*s' has %zu columns", of, (int)len, line,
				 len);
		line += len + (line[len] == '\n');
	}
}

static void help_has_every_option_and_fits(void **state)
{
	(void)state;
	for (size_t i = 0; real_commands[i]; i++) {
		const struct command *c = real_commands[i];
		AUTO_BUF struct buf text = { 0 };

		buf_init(&text, HELP_MAX);
		help_command(&text, &real_program, c);
		assert_false(buf_failed(&text));
		assert_lines_fit(&text, c->name);
		for (size_t g = 0; c->groups[g]; g++) {
			for (const struct cmd_option *o = c->groups[g]->options; o->name;
			     o++) {
				char name[64];

				snprintf(name, sizeof(name), "--%s", o->name);
				if (!strstr(text.ptr, name))
					fail_msg("help of %s lacks %s", c->name, name);
			}
		}
	}
}

static void manual_pages_have_every_option(void **state)
{
	(void)state;
	for (size_t i = 0; real_commands[i]; i++) {
		const struct command *c = real_commands[i];
		AUTO_BUF struct buf text = { 0 };
		size_t count = 0, items = 0;

		buf_init(&text, MAN_PAGE_MAX);
		man_command(&text, &real_program, c);
		assert_false(buf_failed(&text));
		for (size_t g = 0; c->groups[g]; g++)
			for (const struct cmd_option *o = c->groups[g]->options; o->name;
			     o++)
				count++;
		for (const char *at = text.ptr; (at = strstr(at, "\\fB\\-\\-")); at++)
			items++;
		assert_int_equal(items, count);
	}
}

/* What roff would take for a request, an escape or other quotes. */
static void manual_pages_are_escaped(void **state)
{
	static const struct cmd_option rows[] = { { .name = "a-b",
						    .letter = 'x',
						    .value = "FILE|SOME-DIR...",
						    .help = ".conf 'q' \\ ~ ^ `" },
						  { 0 } };
	static const struct cmd_option_group titled = { "Group", rows };
	const struct cmd_option_group *const all[] = { &titled, NULL };
	const struct command c = {
		.name = "do",
		.args = "[FILE]",
		.summary = "do it",
		.text = "One.\n\nTwo:\n\n  'x' .y\n\n.Three",
		.groups = all,
	};
	AUTO_BUF struct buf text = { 0 };

	(void)state;
	buf_init(&text, MAN_PAGE_MAX);
	man_command(&text, &real_program, &c);
	assert_non_null(strstr(text.ptr, "\n.TP\n\\fB\\-x\\fR, \\fB\\-\\-a\\-b\\fR "
					 "\\fIFILE\\fR|\\fISOME\\-DIR\\fR...\n"
					 "\\&.conf \\(aqq\\(aq \\e \\(ti \\(ha \\(ga\n"));
	assert_non_null(strstr(text.ptr, "\nOne.\n.PP\nTwo:\n.PP\n.EX\n  \\(aqx\\(aq .y\n"
					 ".EE\n.PP\n\\&.Three\n"));
	assert_non_null(strstr(text.ptr, "\n[\\fIOPTION\\fR...] [\\fIFILE\\fR]\n"));
}

static void help_lists_every_command(void **state)
{
	AUTO_BUF struct buf text = { 0 };

	(void)state;
	buf_init(&text, HELP_MAX);
	help_program(&text, &real_program);
	assert_lines_fit(&text, "the program");
	for (size_t i = 0; real_commands[i]; i++)
		assert_non_null(strstr(text.ptr, real_commands[i]->name));
}

/* Options with the same letter, or a repeated name, would be ambiguous. */
static void no_command_has_an_option_twice(void **state)
{
	(void)state;
	for (size_t i = 0; real_commands[i]; i++) {
		const struct command *c = real_commands[i];
		bool letters[256] = { false };
		char names[4096] = " ";

		for (size_t g = 0; c->groups[g]; g++) {
			for (const struct cmd_option *o = c->groups[g]->options; o->name;
			     o++) {
				char name[64];

				snprintf(name, sizeof(name), " %s ", o->name);
				assert_null(strstr(names, name));
				strcat(names, name);
				assert_false(o->letter &&
					     letters[(unsigned char)o->letter]);
				letters[(unsigned char)o->letter] = true;
			}
		}
		assert_string_equal(or_dash(c->name), c->name);
		assert_ptr_equal(command_find(&real_program, c->name), c);
	}
}

static void completions_know_every_command_and_option(void **state)
{
	static const char *const shells[] = { "bash", "zsh", "fish" };

	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(shells); s++) {
		AUTO_BUF struct buf text = { 0 };

		buf_init(&text, HELP_MAX);
		completion_write(&text, &real_program, shells[s]);
		assert_false(buf_failed(&text));
		for (size_t i = 0; real_commands[i]; i++) {
			assert_non_null(strstr(text.ptr, real_commands[i]->name));
			for (size_t g = 0; real_commands[i]->groups[g]; g++) {
				const struct cmd_option *o =
					real_commands[i]->groups[g]->options;

				for (; o->name; o++)
					assert_non_null(strstr(text.ptr, o->name));
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_and_arguments_are_distinguished),
		cmocka_unit_test(wrong_usage_names_the_option),
		cmocka_unit_test(help_does_not_ask_for_arguments),
		cmocka_unit_test(numbers_are_within_their_bounds),
		cmocka_unit_test(near_words_are_suggested),
		cmocka_unit_test(help_has_every_option_and_fits),
		cmocka_unit_test(manual_pages_have_every_option),
		cmocka_unit_test(manual_pages_are_escaped),
		cmocka_unit_test(help_lists_every_command),
		cmocka_unit_test(no_command_has_an_option_twice),
		cmocka_unit_test(completions_know_every_command_and_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
