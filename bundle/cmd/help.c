#include "cmd/help.h"

#include <string.h>

#include "base/slice.h"

#define OPTION_COLUMN 28

/* Adds TEXT word by word and indents all lines except the first; COLUMN is the current
 * one. */
static void add_wrapped(struct buf *out, struct nf_slice text, size_t column,
			size_t indent)
{
	bool first = true;

	while (text.len) {
		struct nf_slice word = slice_cut(&text, ' ');

		if (word.len == 0)
			continue;
		if (!first && column + 1 + word.len > HELP_WIDTH) {
			buf_addf(out, "\n%*s", (int)indent, "");
			column = indent;
			first = true;
		}
		if (!first) {
			buf_add_char(out, ' ');
			column++;
		}
		buf_add_slice(out, word);
		column += word.len;
		first = false;
	}
	buf_add_char(out, '\n');
}

/* "  LEFT      the help text, wrapped". */
static void add_entry(struct buf *out, const char *left, const char *help, size_t column)
{
	size_t len = strlen(left);

	buf_addf(out, "  %s", left);
	if (len + 4 > column)
		buf_addf(out, "\n%*s", (int)column, "");
	else
		buf_addf(out, "%*s", (int)(column - len - 2), "");
	add_wrapped(out, nf_slice_str(help), column, column);
}

/* Adds paragraphs; a line that begins with a space is not wrapped. */
static void add_text(struct buf *out, const char *text)
{
	struct nf_slice rest = nf_slice_str(text);

	while (rest.len) {
		struct nf_slice line = slice_cut(&rest, '\n');

		if (line.len && line.ptr[0] == ' ') {
			buf_add_slice(out, line);
			buf_add_char(out, '\n');
		} else {
			add_wrapped(out, line, 0, 0);
		}
	}
}

static void add_last_line(struct buf *out, const struct program *program)
{
	AUTO_BUF struct buf line = { 0 };

	buf_init(&line, 512);
	buf_addf(
		&line,
		"'%s help COMMAND' describes a command; '%s --version' prints the version.",
		program->name, program->name);
	add_wrapped(out, buf_slice(&line), 0, 0);
}

void help_program(struct buf *out, const struct program *program)
{
	size_t column = 0;

	for (size_t i = 0; program->commands[i]; i++) {
		size_t len = strlen(program->commands[i]->name) + 5;

		column = len > column ? len : column;
	}
	buf_addf(out, "usage: %s COMMAND [OPTION...] [ARGUMENT...]\n\n", program->name);
	add_text(out, program->summary);
	buf_add_str(out, "\nCommands:\n");
	for (size_t i = 0; program->commands[i]; i++)
		add_entry(out, program->commands[i]->name, program->commands[i]->summary,
			  column);
	buf_add_char(out, '\n');
	add_last_line(out, program);
}

static void add_option(struct buf *out, const struct cmd_option *o)
{
	AUTO_BUF struct buf left = { 0 };

	buf_init(&left, 256);
	if (o->letter)
		buf_addf(&left, "-%c, ", o->letter);
	else
		buf_add_str(&left, "    ");
	buf_addf(&left, "--%s", o->name);
	if (o->value)
		buf_addf(&left, " %s", o->value);
	if (o->repeatable)
		buf_add_str(&left, " ...");
	add_entry(out, left.ptr, o->help, OPTION_COLUMN);
}

void help_command(struct buf *out, const struct program *program,
		  const struct command *command)
{
	buf_addf(out, "usage: %s %s [OPTION...]%s%s\n\n", program->name, command->name,
		 *command->args ? " " : "", command->args);
	add_text(out, command->text);
	for (size_t g = 0; command->groups[g]; g++) {
		buf_addf(out, "\n%s:\n", command->groups[g]->title);
		for (const struct cmd_option *o = command->groups[g]->options; o->name;
		     o++)
			add_option(out, o);
	}
}
