/* The table of commands. Help, completions and the parser are all made from it. */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct cmd_args;
struct ui;

/* The kind of a value or argument, for completion and checking. */
enum cmd_value_kind {
	CMD_VALUE_ANY,
	CMD_VALUE_FILE,
	CMD_VALUE_DIR,
	CMD_VALUE_WORDS,       /* one of .words; anything else is NF_E_USAGE */
	CMD_VALUE_COMMAND,     /* the name of a command */
	CMD_VALUE_CACHE,       /* the URL of a substituter */
	CMD_VALUE_INSTALLABLE, /* a file, or "DIR#NAME" */
	CMD_VALUE_STORE_PATH,
};

struct cmd_option {
	const char *name;  /* "pool"; NULL ends the table */
	char letter;	   /* 'o' of "-o"; 0 if none */
	const char *value; /* "DIR"; NULL for a flag */
	const char *help;  /* lower case, no full stop */
	enum cmd_value_kind kind;
	const char *words; /* for CMD_VALUE_WORDS: "auto always never" */
	bool repeatable;   /* false: the last value counts */
};

struct cmd_option_group {
	const char *title; /* "Keys" */
	const struct cmd_option *options;
};

struct command {
	const char *name;
	const char *args;    /* "BUNDLE|-"; "" if none */
	const char *summary; /* one line, lower case, no full stop */
	const char *text;    /* paragraphs, separated by empty lines */
	const struct cmd_option_group *const *groups; /* NULL-terminated */
	size_t min_args;
	size_t max_args; /* SIZE_MAX: any number */
	enum cmd_value_kind kind;
	const char *words;
	bool resumes; /* after an interruption, the same command resumes */
	/* Prints the result on stdout; on failure, the caller prints the error. */
	int (*run)(const struct cmd_args *args, struct ui *ui, struct nf_err *err);
};

struct program {
	const char *name;
	const char *summary;
	const struct command *const *commands; /* NULL-terminated */
};

/* NULL if there is no such command. */
const struct command *command_find(const struct program *program, const char *name);

/* NF_E_USAGE: there is no command NAME; suggests the nearest. */
int command_unknown(const struct program *program, const char *name,
		    struct nf_err *err) MUST_CHECK;

/* Parses, runs, reports; returns the exit status. */
int command_main(const struct program *program, int argc, char **argv);

#endif
