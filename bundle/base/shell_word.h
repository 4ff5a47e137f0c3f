/* Words of shell commands that people may paste. */
#ifndef SHELL_WORD_H
#define SHELL_WORD_H

#include "base/buf.h"

/* Appends TEXT as one word of a shell command, quoted where needed. */
void shell_word_add(struct buf *out, const char *text);

#endif
