/* Words of shell commands for the user to paste. */
#ifndef SHELL_WORD_H
#define SHELL_WORD_H

#include "base/buf.h"

/* Appends TEXT as one word of a shell command, quoted if necessary. */
void shell_word_add(struct buf *out, const char *text);

#endif
