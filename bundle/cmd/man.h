/* Manual pages, generated from the command tables. */
#ifndef MAN_H
#define MAN_H

#include "base/buf.h"
#include "cmd/command.h"

#define MAN_PAGE_MAX (512 * 1024)

/* PROGRAM(1). */
void man_program(struct buf *out, const struct program *program);
/* PROGRAM-COMMAND(1). */
void man_command(struct buf *out, const struct program *program,
		 const struct command *command);

#endif
