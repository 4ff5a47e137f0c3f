/* What to give to a command so that it trusts a key. */
#ifndef KEY_OPTION_H
#define KEY_OPTION_H

#include "base/buf.h"

/* Appends "--trusted-public-key NAME:KEY" as a shell takes it. TEXT is "NAME:BASE64";
 * where it is NULL, KEY stands for what NAME alone does not tell. */
void key_option_add(struct buf *out, const char *name, const char *text);

/* Long enough for the longest. */
#define KEY_OPTION_MAX 2048

#endif
