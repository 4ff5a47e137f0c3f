/* The commands that do not use a network. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "cmd/command.h"

extern const struct command cmd_import;
extern const struct command cmd_verify;
extern const struct command cmd_check;
extern const struct command cmd_inventory;
extern const struct command cmd_list;
extern const struct command cmd_sign;
extern const struct command cmd_diff;
extern const struct command cmd_explain;
extern const struct command cmd_roots;
extern const struct command cmd_info;
extern const struct command cmd_keygen;
extern const struct command cmd_pool;
extern const struct command cmd_completions;
extern const struct command cmd_help;

#endif
