/* Shell completions, generated from the command tables. */
#ifndef COMPLETION_H
#define COMPLETION_H

#include "base/buf.h"
#include "cmd/command.h"

#define COMPLETION_SHELLS "bash zsh fish"

/* SHELL is one of COMPLETION_SHELLS. */
void completion_write(struct buf *out, const struct program *program, const char *shell);

#endif
