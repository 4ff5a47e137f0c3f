/* Help text, generated from the command tables, at most 80 columns wide. */
#ifndef HELP_H
#define HELP_H

#include "base/buf.h"
#include "cmd/command.h"

#define HELP_WIDTH 80
#define HELP_MAX   (256 * 1024)

void help_program(struct buf *out, const struct program *program);
void help_command(struct buf *out, const struct program *program,
		  const struct command *command);

#endif
