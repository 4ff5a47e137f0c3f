/* The table of commands. Help, completions and the parser are all made from it. */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct cmd_args;
struct ui;

/* What a value or an argument is, for completion and checking. */
enum cmd_value_kind {
	CMD_VALUE_ANY,
	CMD_VALUE_FILE,
	CMD_VALUE_DIR,
	CMD_VALUE_WORDS,   /* one of .words; anything else is NF_E_USAGE */
	CMD_VALUE_COMMAND, /* the name of a command */
};

struct cmd_option {
	const char *name;  /* "pool"; NULL ends a table */
	char letter;	   /* 'o' of "-o"; 0: none */
	const char *value; /* "DIR"; NULL: a flag */
	const char *help;  /* lower case, no full stop */
	enum cmd_value_kind kind;
	const char *words; /* of CMD_VALUE_WORDS: "auto always never" */
	bool repeatable;   /* false: the last one counts */
};

struct cmd_option_group {
	const char *title; /* "Keys" */
	const struct cmd_option *options;
};

struct command {
	const char *name;
	const char *args;    /* "BUNDLE|-"; "" for none */
	const char *summary; /* one line, lower case, no full stop */
	const char *text;    /* paragraphs, parted by empty lines */
	const struct cmd_option_group *const *groups; /* ended by NULL */
	size_t min_args;
	size_t max_args; /* SIZE_MAX: any number */
	enum cmd_value_kind kind;
	const char *words;
	bool resumes; /* interrupted, the same command goes on from where it was */
	/* Prints its result on stdout. A failure's text is printed by the caller. */
	int (*run)(const struct cmd_args *args, struct ui *ui, struct nf_err *err);
};

struct program {
	const char *name;
	const char *summary;
	const struct command *const *commands; /* ended by NULL */
};

/* NULL if there is none. */
const struct command *command_find(const struct program *program, const char *name);

/* Parses, runs, reports; returns the exit status. */
int command_main(const struct program *program, int argc, char **argv);

#endif
