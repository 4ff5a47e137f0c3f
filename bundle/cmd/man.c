#include "cmd/man.h"

#include <ctype.h>
#include <nixferry/version.h>
#include <string.h>

#include "base/slice.h"

#define LINE_WIDTH 72

static const struct {
	int status;
	const char *meaning;
} statuses[] = {
	{ 0, "Done, complete." },
	{ 1, "The system failed: input or output, memory, a bug." },
	{ 2, "Wrong usage or configuration." },
	{ 3, "Incomplete: some paths are not in any cache, or a reference is missing." },
	{ 4, "Not trusted: a signature is missing, unknown or wrong." },
	{ 5, "Corrupt: a hash, size or format is wrong." },
	{ 6,
	  "Network: no cache could be reached, or a transfer failed on every source." },
	{ 7, "No space." },
	{ 130, "Interrupted; finished work is kept." },
};

/* ---- roff ---- */

static void add_char(struct buf *out, char c)
{
	static const struct {
		char c;
		const char *escape;
	} special[] = {
		{ '\\', "\\e" },  { '-', "\\-" },   { '\'', "\\(aq" }, { '`', "\\(ga" },
		{ '^', "\\(ha" }, { '~', "\\(ti" }, { '"', "\\(dq" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(special); i++) {
		if (special[i].c == c) {
			buf_add_str(out, special[i].escape);
			return;
		}
	}
	buf_add_char(out, c);
}

static void add_plain(struct buf *out, struct nf_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		add_char(out, s.ptr[i]);
}

/* A line may not begin as a request does. */
static void begin_line(struct buf *out, struct nf_slice first)
{
	if (first.len && first.ptr[0] == '.')
		buf_add_str(out, "\\&");
}

/* Text that is filled; ends the line. */
static void add_filled(struct buf *out, struct nf_slice text)
{
	size_t column = 0;

	while (text.len) {
		struct nf_slice word = slice_cut(&text, ' ');

		if (!word.len)
			continue;
		if (column && column + 1 + word.len > LINE_WIDTH) {
			buf_add_char(out, '\n');
			column = 0;
		}
		if (column)
			buf_add_char(out, ' ');
		else
			begin_line(out, word);
		add_plain(out, word);
		column += 1 + word.len;
	}
	buf_add_char(out, '\n');
}

/* Adds the paragraphs of TEXT; lines that begin with a space are an example. */
static void add_paragraphs(struct buf *out, const char *text)
{
	struct nf_slice rest = nf_slice_str(text);
	bool is_example = false, is_first = true;

	while (rest.len) {
		struct nf_slice line = slice_cut(&rest, '\n');
		bool example = line.len && line.ptr[0] == ' ';

		if (is_example && !example)
			buf_add_str(out, ".EE\n");
		if (example && !is_example)
			buf_add_str(out, ".PP\n.EX\n");
		is_example = example;
		if (example) {
			add_plain(out, line);
			buf_add_char(out, '\n');
		} else if (line.len) {
			buf_add_str(out, is_first ? "" : ".PP\n");
			add_filled(out, line);
		}
		is_first = false;
	}
	if (is_example)
		buf_add_str(out, ".EE\n");
}

/* Words in capitals are for the user to replace. */
static void add_arguments(struct buf *out, const char *args)
{
	bool italic = false;

	for (const char *at = args; *at; at++) {
		bool capital = isupper((unsigned char)*at) ||
			       (italic && at[1] && (*at == '-' || *at == '_') &&
				isupper((unsigned char)at[1]));

		if (capital != italic)
			buf_add_str(out, capital ? "\\fI" : "\\fR");
		italic = capital;
		add_char(out, *at);
	}
	if (italic)
		buf_add_str(out, "\\fR");
}

/* ---- pages ---- */

static void add_title(struct buf *out, const char *program, const char *command)
{
	AUTO_BUF struct buf name = { 0 };

	buf_init(&name, 256);
	buf_addf(&name, "%s%s%s", program, command ? "-" : "", command ? command : "");
	buf_add_str(out, ".TH \"");
	for (size_t i = 0; i < name.len; i++)
		add_char(out, (char)toupper((unsigned char)name.ptr[i]));
	buf_addf(out, "\" 1 %s \"nixferry %s\" \"nixferry manual\"\n.SH NAME\n",
		 NF_VERSION_DATE, NF_VERSION);
	add_plain(out, buf_slice(&name));
	buf_add_str(out, " \\-\n");
}

static void add_option(struct buf *out, const struct cmd_option *o)
{
	buf_add_str(out, ".TP\n");
	if (o->letter)
		buf_addf(out, "\\fB\\-%c\\fR, ", o->letter);
	buf_add_str(out, "\\fB\\-\\-");
	add_plain(out, nf_slice_str(o->name));
	buf_add_str(out, "\\fR");
	if (o->value) {
		buf_add_char(out, ' ');
		add_arguments(out, o->value);
	}
	buf_add_str(out, o->repeatable ? " ...\n" : "\n");
	add_filled(out, nf_slice_str(o->help));
}

static void add_options(struct buf *out, const struct command *command)
{
	buf_add_str(out, ".SH OPTIONS\n");
	for (size_t g = 0; command->groups[g]; g++) {
		buf_add_str(out, ".SS \"");
		add_plain(out, nf_slice_str(command->groups[g]->title));
		buf_add_str(out, "\"\n");
		for (const struct cmd_option *o = command->groups[g]->options; o->name;
		     o++)
			add_option(out, o);
	}
}

static void add_statuses(struct buf *out)
{
	buf_add_str(out, ".SH EXIT STATUS\n");
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		buf_addf(out, ".TP\n%d\n", statuses[i].status);
		add_filled(out, nf_slice_str(statuses[i].meaning));
	}
}

static void add_reference(struct buf *out, const char *program, const char *command)
{
	buf_add_str(out, ".BR ");
	add_plain(out, nf_slice_str(program));
	buf_add_str(out, "\\-");
	add_plain(out, nf_slice_str(command));
	buf_add_str(out, " (1),\n");
}

void man_program(struct buf *out, const struct program *program)
{
	add_title(out, program->name, NULL);
	buf_add_str(out, "carry NixOS closures to slow, offline and new machines\n"
			 ".SH SYNOPSIS\n.B ");
	add_plain(out, nf_slice_str(program->name));
	buf_add_str(out, "\n\\fICOMMAND\\fR [\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]\n"
			 ".SH DESCRIPTION\n");
	add_paragraphs(out, program->summary);
	buf_add_str(out, ".SH COMMANDS\n");
	for (size_t i = 0; program->commands[i]; i++) {
		buf_add_str(out, ".TP\n.B ");
		add_plain(out, nf_slice_str(program->commands[i]->name));
		buf_add_char(out, '\n');
		add_filled(out, nf_slice_str(program->commands[i]->summary));
	}
	add_statuses(out);
	buf_add_str(out, ".SH SEE ALSO\n");
	for (size_t i = 0; program->commands[i]; i++)
		add_reference(out, program->name, program->commands[i]->name);
	buf_add_str(out, ".BR nixferry\\-bundle (5),\n.BR nix.conf (5)\n");
}

void man_command(struct buf *out, const struct program *program,
		 const struct command *command)
{
	add_title(out, program->name, command->name);
	add_filled(out, nf_slice_str(command->summary));
	buf_add_str(out, ".SH SYNOPSIS\n.B ");
	add_plain(out, nf_slice_str(program->name));
	buf_add_char(out, ' ');
	add_plain(out, nf_slice_str(command->name));
	buf_add_str(out, "\n[\\fIOPTION\\fR...]");
	if (*command->args)
		buf_add_char(out, ' ');
	add_arguments(out, command->args);
	buf_add_str(out, "\n.SH DESCRIPTION\n");
	add_paragraphs(out, command->text);
	add_options(out, command);
	add_statuses(out);
	buf_add_str(out, ".SH SEE ALSO\n.BR ");
	add_plain(out, nf_slice_str(program->name));
	buf_add_str(out, " (1),\n.BR nixferry\\-bundle (5)\n");
}
