/* The commands that query caches, or that plan for those. */
#ifndef NETWORK_COMMANDS_H
#define NETWORK_COMMANDS_H

#include "cmd/command.h"

extern const struct command cmd_plan;
extern const struct command cmd_import_rest;
extern const struct command cmd_prefetch;
extern const struct command cmd_pack;
extern const struct command cmd_caches;
extern const struct command cmd_doctor;

#endif
