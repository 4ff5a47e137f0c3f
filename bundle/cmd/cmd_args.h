/* The arguments of a command, checked against its option tables. Strings are borrowed
 * from argv. Asking for an option that is not in the command's tables is a bug
 * (assert). */
#ifndef CMD_ARGS_H
#define CMD_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cmd/command.h"

struct cmd_args;

/* ARGV: what follows the command's name. Accepts "--name value", "--name=value", "-n
 * value", "-nvalue", grouped flags "-qv"; options and arguments mix until "--". Every
 * error is NF_E_USAGE and names the option. With --help the number of arguments is not
 * checked. */
int cmd_args_parse(struct cmd_args **ret, const struct program *program,
		   const struct command *command, int argc, char **argv,
		   struct nf_err *err) MUST_CHECK;
void cmd_args_free(struct cmd_args *a);
DEFINE_CLEANUP(struct cmd_args *, cmd_args_free)

const struct program *cmd_args_program(const struct cmd_args *a);

bool cmd_args_is_given(const struct cmd_args *a, const char *name);

/* Returns an option that was given but never asked for by the command, and would thus be
 * ignored silently; NULL if there is none. */
const char *cmd_args_unread(const struct cmd_args *a);

/* Refuses options of this group, which would have no effect: "option '--NAME' needs
 * NEEDED". For a command that has them for something that was not asked for. */
int cmd_args_refuse_group(const struct cmd_args *a, const struct cmd_option_group *group,
			  const char *needed, struct nf_err *err) MUST_CHECK;

bool cmd_args_flag(const struct cmd_args *a, const char *name);

/* The last value given, or NULL. */
const char *cmd_args_value(const struct cmd_args *a, const char *name);

/* The I-th value of a repeatable option, in the order given; NULL after the last. */
const char *cmd_args_nth(const struct cmd_args *a, const char *name, size_t i);

/* A plain decimal number from MIN to MAX; FALLBACK if the option was not given. */
int cmd_args_number(const struct cmd_args *a, const char *name, uint64_t min,
		    uint64_t max, uint64_t fallback, uint64_t *ret,
		    struct nf_err *err) MUST_CHECK;

/* The arguments that are not options. */
size_t cmd_args_count(const struct cmd_args *a);
const char *cmd_args_get(const struct cmd_args *a, size_t i);

/* Those that follow "--": a NULL-terminated array, or NULL without "--". They are also
 * the last of the arguments above. */
const char *const *cmd_args_after_dashes(const struct cmd_args *a);

#endif
