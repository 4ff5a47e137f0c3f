/* The option that makes a command trust a key. */
#ifndef KEY_OPTION_H
#define KEY_OPTION_H

#include "base/buf.h"

/* Appends "--trusted-public-key NAME:KEY", quoted for a shell. TEXT is "NAME:BASE64", or
 * NULL if only NAME is known: then it prints the placeholder KEY. */
void key_option_add(struct buf *out, const char *name, const char *text);

/* Enough for the longest. */
#define KEY_OPTION_MAX 2048

#endif
