#include "cmd/cmd_args.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/slice.h"
#include "base/suggest.h"

struct given {
	const struct cmd_option *option;
	const char *value; /* NULL for flags */
	bool is_read;	   /* the command has asked for it */
};

struct cmd_args {
	const struct program *program;
	const struct command *command;
	struct given *given;
	size_t ngiven;
	const char **args; /* NULL-terminated */
	size_t nargs;
	const char **after_dashes; /* of args; NULL without "--" */
};

struct args_parser {
	struct cmd_args *a;
	char **argv;
	int argc;
	int next; /* index of the next argument */
};

/* NAME may continue after LEN (at '='). */
static const struct cmd_option *find_long(const struct command *c, const char *name,
					  size_t len)
{
	for (size_t g = 0; c->groups[g]; g++) {
		const struct cmd_option *o = c->groups[g]->options;

		for (; o->name; o++) {
			if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
				return o;
		}
	}
	return NULL;
}

static const struct cmd_option *find_letter(const struct command *c, char letter)
{
	for (size_t g = 0; c->groups[g]; g++) {
		const struct cmd_option *o = c->groups[g]->options;

		for (; o->name; o++) {
			if (o->letter == letter)
				return o;
		}
	}
	return NULL;
}

static int unknown_option(const struct command *c, const char *arg, size_t len,
			  struct nf_err *err)
{
	AUTO_FREE char *name = mem_strndup(arg, len);
	struct suggest near;

	suggest_init(&near, name);
	for (size_t g = 0; c->groups[g]; g++) {
		for (const struct cmd_option *o = c->groups[g]->options; o->name; o++)
			suggest_offer(&near, o->name);
	}
	if (!near.best)
		return err_set(err, NF_E_USAGE, "unknown option '--%s'", name);
	return err_set(err, NF_E_USAGE, "unknown option '--%s' (did you mean '--%s'?)",
		       name, near.best);
}

static bool words_have(const char *words, const char *word)
{
	struct nf_slice rest = nf_slice_str(words);

	while (rest.len) {
		if (nf_slice_is(slice_cut(&rest, ' '), word))
			return true;
	}
	return false;
}

static int check_words(const char *words, const char *what, const char *word,
		       struct nf_err *err)
{
	AUTO_FREE char *copy = mem_strdup(words);
	struct suggest near;
	char *rest = copy;

	if (words_have(words, word))
		return 0;
	suggest_init(&near, word);
	for (char *each; (each = strsep(&rest, " "));)
		suggest_offer(&near, each);
	if (!near.best)
		return err_set(err, NF_E_USAGE, "%s: '%s' is not one of: %s", what, word,
			       words);
	return err_set(err, NF_E_USAGE, "%s: '%s' (did you mean '%s'?) is not one of: %s",
		       what, word, near.best, words);
}

static int add_given(struct cmd_args *a, const struct cmd_option *o, const char *value,
		     struct nf_err *err)
{
	if (value && o->kind == CMD_VALUE_WORDS) {
		char what[64];
		int rc;

		snprintf(what, sizeof(what), "option '--%s'", o->name);
		rc = check_words(o->words, what, value, err);
		if (rc)
			return rc;
	}
	if (value && !*value)
		return err_set(err, NF_E_USAGE, "option '--%s': empty %s", o->name,
			       o->value);
	a->given[a->ngiven++] = (struct given){ o, value, false };
	return 0;
}

/* The value, if it is the following argument. */
static int take_next(struct args_parser *p, const struct cmd_option *o, const char *shown,
		     struct nf_err *err)
{
	if (p->next == p->argc)
		return err_set(err, NF_E_USAGE, "option '%s' needs a value: %s", shown,
			       o->value);
	return add_given(p->a, o, p->argv[p->next++], err);
}

static int parse_long(struct args_parser *p, const char *arg, struct nf_err *err)
{
	const char *name = arg + 2;
	size_t len = strcspn(name, "=");
	const struct cmd_option *o = find_long(p->a->command, name, len);

	if (!o)
		return unknown_option(p->a->command, name, len, err);
	if (name[len] == '\0')
		return o->value ? take_next(p, o, arg, err)
				: add_given(p->a, o, NULL, err);
	if (!o->value)
		return err_set(err, NF_E_USAGE, "option '--%s' takes no value", o->name);
	return add_given(p->a, o, name + len + 1, err);
}

/* "-qv", "-o FILE", "-oFILE", "-qoFILE" */
static int parse_letters(struct args_parser *p, const char *arg, struct nf_err *err)
{
	for (const char *at = arg + 1; *at; at++) {
		const struct cmd_option *o = find_letter(p->a->command, *at);
		char shown[3] = { '-', *at, '\0' };
		int rc;

		if (!o)
			return err_set(err, NF_E_USAGE, "unknown option '%s'", shown);
		if (o->value)
			return at[1] ? add_given(p->a, o, at + 1, err)
				     : take_next(p, o, shown, err);
		rc = add_given(p->a, o, NULL, err);
		if (rc)
			return rc;
	}
	return 0;
}

static void end_options(struct args_parser *p, bool *options)
{
	*options = false;
	p->a->after_dashes = p->a->args + p->a->nargs;
}

static int parse_all(struct args_parser *p, struct nf_err *err)
{
	bool options = true;

	while (p->next < p->argc) {
		const char *arg = p->argv[p->next++];
		int rc = 0;

		if (!options || arg[0] != '-' || arg[1] == '\0')
			p->a->args[p->a->nargs++] = arg;
		else if (strcmp(arg, "--") == 0)
			end_options(p, &options);
		else if (arg[1] == '-')
			rc = parse_long(p, arg, err);
		else
			rc = parse_letters(p, arg, err);
		if (rc)
			return rc;
	}
	return 0;
}

static int check_arguments(const struct cmd_args *a, struct nf_err *err)
{
	const struct command *c = a->command;
	int rc = 0;

	if (a->nargs < c->min_args)
		return err_set(err, NF_E_USAGE, "missing argument: expected %s", c->args);
	if (a->nargs > c->max_args && c->max_args == 0)
		return err_set(err, NF_E_USAGE, "takes no arguments, got '%s'",
			       a->args[0]);
	if (a->nargs > c->max_args)
		return err_set(err, NF_E_USAGE, "unexpected argument '%s': expected %s",
			       a->args[c->max_args], c->args);
	if (c->kind == CMD_VALUE_WORDS) {
		for (size_t i = 0; i < a->nargs && !rc; i++)
			rc = check_words(c->words, c->args, a->args[i], err);
	}
	return rc;
}

int cmd_args_parse(struct cmd_args **ret, const struct program *program,
		   const struct command *command, int argc, char **argv,
		   struct nf_err *err)
{
	AUTO(cmd_args_freep) struct cmd_args *a = mem_calloc(1, sizeof(*a));
	struct args_parser p = { .a = a, .argv = argv, .argc = argc };
	size_t letters = 1;
	int rc;

	/* An argument holds no more options than it has characters. */
	for (int i = 0; i < argc; i++)
		letters += strlen(argv[i]) + 1;
	a->program = program;
	a->command = command;
	a->given = mem_calloc(letters, sizeof(*a->given));
	a->args = mem_calloc((size_t)argc + 1, sizeof(*a->args));
	rc = parse_all(&p, err);
	if (!rc && !cmd_args_flag(a, "help"))
		rc = check_arguments(a, err);
	if (rc)
		return rc;
	*ret = TAKE_PTR(a);
	return 0;
}

void cmd_args_free(struct cmd_args *a)
{
	if (!a)
		return;
	free(a->given);
	free(a->args);
	free(a);
}

const struct program *cmd_args_program(const struct cmd_args *a)
{
	return a->program;
}

static const struct cmd_option *must_find(const struct cmd_args *a, const char *name)
{
	const struct cmd_option *o = find_long(a->command, name, strlen(name));

	assert(o);
	return o;
}

/* Returns the last value given; marks all of them as used if the command asks for one. */
static const struct given *find_given(const struct cmd_args *a, const char *name)
{
	const struct cmd_option *o = must_find(a, name);
	const struct given *last = NULL;

	for (size_t i = 0; i < a->ngiven; i++) {
		if (a->given[i].option != o)
			continue;
		a->given[i].is_read = true;
		last = &a->given[i];
	}
	return last;
}

bool cmd_args_is_given(const struct cmd_args *a, const char *name)
{
	const struct cmd_option *o = must_find(a, name);

	for (size_t i = 0; i < a->ngiven; i++)
		if (a->given[i].option == o)
			return true;
	return false;
}

const char *cmd_args_unread(const struct cmd_args *a)
{
	for (size_t i = 0; i < a->ngiven; i++)
		if (!a->given[i].is_read)
			return a->given[i].option->name;
	return NULL;
}

int cmd_args_refuse_group(const struct cmd_args *a, const struct cmd_option_group *group,
			  const char *needed, struct nf_err *err)
{
	for (const struct cmd_option *o = group->options; o->name; o++)
		if (cmd_args_is_given(a, o->name))
			return err_set(err, NF_E_USAGE, "option '--%s' needs %s", o->name,
				       needed);
	return 0;
}

bool cmd_args_flag(const struct cmd_args *a, const char *name)
{
	return find_given(a, name) != NULL;
}

const char *cmd_args_value(const struct cmd_args *a, const char *name)
{
	const struct given *g = find_given(a, name);

	return g ? g->value : NULL;
}

const char *cmd_args_nth(const struct cmd_args *a, const char *name, size_t i)
{
	const struct cmd_option *o = must_find(a, name);

	for (size_t at = 0; at < a->ngiven; at++) {
		if (a->given[at].option == o && i-- == 0) {
			a->given[at].is_read = true;
			return a->given[at].value;
		}
	}
	return NULL;
}

int cmd_args_number(const struct cmd_args *a, const char *name, uint64_t min,
		    uint64_t max, uint64_t fallback, uint64_t *ret, struct nf_err *err)
{
	const char *text = cmd_args_value(a, name);

	*ret = fallback;
	if (!text)
		return 0;
	if (!slice_parse_u64(nf_slice_str(text), ret) || *ret < min || *ret > max)
		return err_set(err, NF_E_USAGE,
			       "option '--%s': '%s' is not a number from %llu to %llu",
			       name, text, (unsigned long long)min,
			       (unsigned long long)max);
	return 0;
}

size_t cmd_args_count(const struct cmd_args *a)
{
	return a->nargs;
}

const char *cmd_args_get(const struct cmd_args *a, size_t i)
{
	assert(i < a->nargs);
	return a->args[i];
}

const char *const *cmd_args_after_dashes(const struct cmd_args *a)
{
	return a->after_dashes;
}
