#include "cmd/completion.h"

#include <assert.h>
#include <string.h>

#include "base/slice.h"
#include "cmd/candidates.h"

static void add_command_names(struct buf *out, const struct program *program)
{
	for (size_t i = 0; program->commands[i]; i++)
		buf_addf(out, "%s%s", i ? " " : "", program->commands[i]->name);
}

/* Calls FN for each option of a command. */
static void each_option(struct buf *out, const struct command *c,
			void (*fn)(struct buf *out, const struct command *c,
				   const struct cmd_option *o))
{
	for (size_t g = 0; c->groups[g]; g++) {
		for (const struct cmd_option *o = c->groups[g]->options; o->name; o++)
			fn(out, c, o);
	}
}

/* Appends TEXT with a backslash before each character of SPECIAL. */
static void add_escaped(struct buf *out, const char *text, const char *special)
{
	for (; *text; text++) {
		if (strchr(special, *text))
			buf_add_char(out, '\\');
		buf_add_char(out, *text);
	}
}

/* TEXT within single quotes, for a shell in which 'a'\''b' is a'b. */
static void add_quoted(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			buf_add_str(out, "'\\''");
		else
			buf_add_char(out, *text);
	}
}

/* ---- bash ---- */

static void bash_reply(struct buf *out, enum cmd_value_kind kind, const char *words,
		       const struct program *program)
{
	switch (kind) {
	case CMD_VALUE_ANY:
		buf_add_str(out, "COMPREPLY=()");
		break;
	case CMD_VALUE_FILE:
		buf_add_str(out, "_nixferry_files -f");
		break;
	case CMD_VALUE_DIR:
		buf_add_str(out, "_nixferry_files -d");
		break;
	case CMD_VALUE_WORDS:
		buf_addf(out, "_nixferry_words '%s'", words);
		break;
	case CMD_VALUE_COMMAND:
		buf_add_str(out, "_nixferry_words '");
		add_command_names(out, program);
		buf_add_char(out, '\'');
		break;
	case CMD_VALUE_CACHE:
		buf_add_str(out, "_nixferry_values " CANDIDATES_CACHES);
		break;
	case CMD_VALUE_INSTALLABLE:
		buf_add_str(out, "_nixferry_installables");
		break;
	case CMD_VALUE_STORE_PATH:
		buf_add_str(out, "_nixferry_values " CANDIDATES_STORE_PATHS);
		break;
	}
}

static void bash_option_word(struct buf *out, const struct command *c,
			     const struct cmd_option *o)
{
	(void)c;
	if (out->len && out->ptr[out->len - 1] != '\'')
		buf_add_char(out, ' ');
	buf_addf(out, "--%s", o->name);
	if (o->letter)
		buf_addf(out, " -%c", o->letter);
}

static void bash_option_value(struct buf *out, const struct command *c,
			      const struct cmd_option *o)
{
	if (!o->value)
		return;
	buf_addf(out, "\t'%s --%s'", c->name, o->name);
	if (o->letter)
		buf_addf(out, " | '%s -%c'", c->name, o->letter);
	buf_add_str(out, ")\n\t\t");
	bash_reply(out, o->kind, o->words, NULL);
	buf_add_str(out, "\n\t\treturn\n\t\t;;\n");
}

static void bash_command(struct buf *out, const struct program *program,
			 const struct command *c)
{
	buf_addf(out, "\t%s)\n\t\tif [[ $cur == -* ]]; then\n\t\t\t_nixferry_words '",
		 c->name);
	each_option(out, c, bash_option_word);
	buf_add_str(out, "'\n\t\telse\n\t\t\t");
	bash_reply(out, c->max_args ? c->kind : CMD_VALUE_ANY, c->words, program);
	buf_add_str(out, "\n\t\tfi\n\t\t;;\n");
}

static void bash_functions(struct buf *out)
{
	buf_add_str(
		out,
		"# bash completion for nixferry; written by 'nixferry completions bash'\n"
		"\n"
		"_nixferry_words() {\n"
		"\tmapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\")\n"
		"}\n"
		"\n"
		"_nixferry_files() {\n"
		"\tcompopt -o filenames 2>/dev/null\n"
		"\tmapfile -t COMPREPLY < <(compgen \"$1\" -- \"$cur\")\n"
		"}\n"
		"\n"
		"# Adds what nixferry prints for the word. Readline replaces only what follows\n"
		"# the word's last colon.\n"
		"_nixferry_values() {\n"
		"\tlocal value\n"
		"\twhile IFS= read -r value; do\n"
		"\t\tCOMPREPLY+=(\"${value#\"$cut\"}\")\n"
		"\tdone < <(command nixferry completions \"$1\" --word=\"$cur\" 2>/dev/null)\n"
		"}\n"
		"\n"
		"_nixferry_installables() {\n"
		"\t_nixferry_files -f\n"
		"\t[[ $cur != *'#'* ]] || _nixferry_values flake-names\n"
		"}\n"
		"\n");
}

/* Sets $cur, $cut and $first. */
static void bash_join_colons(struct buf *out)
{
	buf_add_str(
		out,
		"\tCOMPREPLY=()\n"
		"\t# \"https://host\" comes as three words.\n"
		"\twhile ((first > 2)); do\n"
		"\t\tif [[ ${COMP_WORDS[first]} == : ]]; then\n"
		"\t\t\t((first -= 1))\n"
		"\t\telif [[ ${COMP_WORDS[first - 1]} == : ]]; then\n"
		"\t\t\t((first -= 2))\n"
		"\t\telse\n"
		"\t\t\tbreak\n"
		"\t\tfi\n"
		"\tdone\n"
		"\tif ((first < COMP_CWORD)); then\n"
		"\t\tprintf -v cur %s \"${COMP_WORDS[@]:first:COMP_CWORD - first + 1}\"\n"
		"\t\tcut=${cur%\"${cur##*:}\"}\n"
		"\tfi\n");
}

static void bash_write(struct buf *out, const struct program *program)
{
	bash_functions(out);
	buf_add_str(
		out,
		"_nixferry() {\n"
		"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev= cut= first=$COMP_CWORD\n");
	bash_join_colons(out);
	buf_add_str(out, "\t((first > 1)) && prev=${COMP_WORDS[first - 1]}\n"
			 "\t# \"--name=value\" comes as three words.\n"
			 "\tif [[ $cur == '=' ]]; then\n"
			 "\t\tcur=\n"
			 "\telif [[ $prev == '=' ]]; then\n"
			 "\t\tprev=${COMP_WORDS[first - 2]}\n"
			 "\tfi\n"
			 "\tif ((COMP_CWORD == 1)); then\n"
			 "\t\t_nixferry_words '");
	add_command_names(out, program);
	buf_add_str(out, " --help --version'\n"
			 "\t\treturn\n"
			 "\tfi\n"
			 "\tcase \"${COMP_WORDS[1]} $prev\" in\n");
	for (size_t i = 0; program->commands[i]; i++)
		each_option(out, program->commands[i], bash_option_value);
	buf_add_str(out, "\tesac\n\tcase ${COMP_WORDS[1]} in\n");
	for (size_t i = 0; program->commands[i]; i++)
		bash_command(out, program, program->commands[i]);
	buf_addf(out, "\tesac\n}\n\ncomplete -F _nixferry %s\n", program->name);
}

/* ---- zsh ---- */

static void zsh_action(struct buf *out, enum cmd_value_kind kind, const char *words,
		       const struct program *program)
{
	switch (kind) {
	case CMD_VALUE_ANY:
		break;
	case CMD_VALUE_FILE:
		buf_add_str(out, "_files");
		break;
	case CMD_VALUE_DIR:
		buf_add_str(out, "_files -/");
		break;
	case CMD_VALUE_WORDS:
		buf_addf(out, "(%s)", words);
		break;
	case CMD_VALUE_COMMAND:
		buf_add_char(out, '(');
		add_command_names(out, program);
		buf_add_char(out, ')');
		break;
	case CMD_VALUE_CACHE:
		buf_add_str(out, "_nixferry_values " CANDIDATES_CACHES);
		break;
	case CMD_VALUE_INSTALLABLE:
		buf_add_str(out, "_nixferry_installables");
		break;
	case CMD_VALUE_STORE_PATH:
		buf_add_str(out, "_nixferry_values " CANDIDATES_STORE_PATHS);
		break;
	}
}

static void zsh_help(struct buf *out, const char *text)
{
	AUTO_BUF struct buf escaped = { 0 };

	buf_init(&escaped, 4096);
	add_escaped(&escaped, text, "[]:\\");
	add_quoted(out, escaped.ptr);
}

static void zsh_option(struct buf *out, const struct command *c,
		       const struct cmd_option *o)
{
	const char *star = o->repeatable ? "*" : "";

	(void)c;
	buf_add_str(out, "\t\t\t");
	if (o->letter)
		buf_addf(out, "'(-%c --%s)'{-%c%s,--%s%s}'[", o->letter, o->name,
			 o->letter, o->value ? "+" : "", o->name, o->value ? "=" : "");
	else
		buf_addf(out, "'%s--%s%s[", star, o->name, o->value ? "=" : "");
	zsh_help(out, o->help);
	buf_add_char(out, ']');
	if (o->value) {
		buf_add_char(out, ':');
		add_escaped(out, o->value, ":");
		buf_add_char(out, ':');
		zsh_action(out, o->kind, o->words, NULL);
	}
	buf_add_str(out, "' \\\n");
}

static void zsh_command(struct buf *out, const struct program *program,
			const struct command *c)
{
	buf_addf(out, "\t%s)\n\t\t_arguments -s -S \\\n", c->name);
	each_option(out, c, zsh_option);
	if (c->max_args > 0) {
		buf_add_str(out, "\t\t\t'*:");
		add_escaped(out, c->args, ":");
		buf_add_char(out, ':');
		zsh_action(out, c->kind, c->words, program);
		buf_add_str(out, "'\n");
	} else {
		buf_add_str(out, "\t\t\t&& return 0\n");
	}
	buf_add_str(out, "\t\t;;\n");
}

static void zsh_write(struct buf *out, const struct program *program)
{
	buf_addf(out, "#compdef %s\n", program->name);
	buf_add_str(
		out,
		"# zsh completion for nixferry; written by 'nixferry completions zsh'\n"
		"\n"
		"# [COMPADD-OPTION...] KIND\n"
		"_nixferry_values() {\n"
		"\tlocal kind=$argv[-1]\n"
		"\tlocal -a values=(\n"
		"\t\t${(f)\"$(command nixferry completions $kind --word=${(Q)PREFIX} 2>/dev/null)\"}\n"
		"\t)\n"
		"\tcompadd \"${(@)argv[1,-2]}\" -a values\n"
		"}\n"
		"\n"
		"_nixferry_installables() {\n"
		"\tif [[ $PREFIX == *'#'* ]]; then\n"
		"\t\t_nixferry_values \"$@\" flake-names && return\n"
		"\tfi\n"
		"\t_files\n"
		"}\n"
		"\n"
		"_nixferry() {\n"
		"\tlocal -a commands=(\n");
	for (size_t i = 0; program->commands[i]; i++) {
		buf_addf(out, "\t\t'%s:", program->commands[i]->name);
		zsh_help(out, program->commands[i]->summary);
		buf_add_str(out, "'\n");
	}
	buf_add_str(out, "\t)\n"
			 "\tif ((CURRENT == 2)); then\n"
			 "\t\t_describe command commands\n"
			 "\t\treturn\n"
			 "\tfi\n"
			 "\tlocal command=$words[2]\n"
			 "\tshift words\n"
			 "\t((CURRENT--))\n"
			 "\tcase $command in\n");
	for (size_t i = 0; program->commands[i]; i++)
		zsh_command(out, program, program->commands[i]);
	buf_add_str(out, "\tesac\n}\n\n_nixferry \"$@\"\n");
}

/* ---- fish ---- */

/* In fish's single quotes only ' and \ are special. */
static void fish_quoted(struct buf *out, const char *text)
{
	buf_add_char(out, '\'');
	add_escaped(out, text, "'\\");
	buf_add_char(out, '\'');
}

static void fish_kind(struct buf *out, enum cmd_value_kind kind, const char *words,
		      const struct program *program)
{
	switch (kind) {
	case CMD_VALUE_ANY:
		break;
	case CMD_VALUE_FILE:
		buf_add_str(out, " -F");
		break;
	case CMD_VALUE_DIR:
		buf_add_str(out, " -a '(__fish_complete_directories)'");
		break;
	case CMD_VALUE_WORDS:
		buf_addf(out, " -a '%s'", words);
		break;
	case CMD_VALUE_COMMAND:
		buf_add_str(out, " -a '");
		add_command_names(out, program);
		buf_add_char(out, '\'');
		break;
	case CMD_VALUE_CACHE:
		buf_add_str(out, " -a '(__nixferry_values " CANDIDATES_CACHES ")'");
		break;
	case CMD_VALUE_INSTALLABLE:
		buf_add_str(out,
			    " -F -a '(__nixferry_values " CANDIDATES_FLAKE_NAMES ")'");
		break;
	case CMD_VALUE_STORE_PATH:
		buf_add_str(out, " -a '(__nixferry_values " CANDIDATES_STORE_PATHS ")'");
		break;
	}
}

static bool takes_files(enum cmd_value_kind kind)
{
	return kind == CMD_VALUE_FILE || kind == CMD_VALUE_INSTALLABLE;
}

static void fish_option(struct buf *out, const struct command *c,
			const struct cmd_option *o)
{
	buf_addf(out, "complete -c nixferry -n '__fish_seen_subcommand_from %s' -l %s",
		 c->name, o->name);
	if (o->letter)
		buf_addf(out, " -s %c", o->letter);
	if (o->value)
		buf_add_str(out, takes_files(o->kind) ? " -r" : " -x");
	fish_kind(out, o->kind, o->words, NULL);
	buf_add_str(out, " -d ");
	fish_quoted(out, o->help);
	buf_add_char(out, '\n');
}

static void fish_command(struct buf *out, const struct program *program,
			 const struct command *c)
{
	buf_addf(out, "complete -c nixferry -n __fish_use_subcommand -a %s -d ", c->name);
	fish_quoted(out, c->summary);
	buf_add_char(out, '\n');
	if (c->max_args > 0 && c->kind != CMD_VALUE_ANY) {
		buf_addf(out, "complete -c nixferry -n '__fish_seen_subcommand_from %s'",
			 c->name);
		fish_kind(out, c->kind, c->words, program);
		buf_add_char(out, '\n');
	}
	each_option(out, c, fish_option);
}

static void fish_write(struct buf *out, const struct program *program)
{
	buf_add_str(
		out,
		"# fish completion for nixferry; written by 'nixferry completions fish'\n"
		"\n"
		"function __nixferry_values\n"
		"\tset -l word (commandline -ct | string replace -r -- '^--[^=]*=' '')\n"
		"\tcommand nixferry completions $argv --word=\"$word\" 2>/dev/null\n"
		"end\n"
		"\n"
		"complete -c nixferry -f\n"
		"complete -c nixferry -n __fish_use_subcommand -l help -s h -d "
		"'show help'\n"
		"complete -c nixferry -n __fish_use_subcommand -l version -d 'show "
		"the version'\n");
	for (size_t i = 0; program->commands[i]; i++)
		fish_command(out, program, program->commands[i]);
}

void completion_write(struct buf *out, const struct program *program, const char *shell)
{
	static const struct {
		const char *name;
		void (*write)(struct buf *out, const struct program *program);
	} shells[] = {
		{ "bash", bash_write },
		{ "zsh", zsh_write },
		{ "fish", fish_write },
	};

	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (strcmp(shells[i].name, shell) == 0) {
			shells[i].write(out, program);
			return;
		}
	}
	assert(!"a shell of COMPLETION_SHELLS");
}
