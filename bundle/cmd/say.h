/* Standard output for people: whatever a bundle, a cache or a file name brings, no
 * control character, broken UTF-8 or direction override reaches the terminal
 * (human_clean). */
#ifndef SAY_H
#define SAY_H

#include <nixferry/slice.h>

#include "base/err.h"

/* Prints one line. Its line feed is added; one within it is replaced like other control
 * characters. */
void say_line(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Prints lines that are ready: a line feed ends each. */
void say_text(struct nf_slice lines);

/* Prints a value for scripts as it is. Only a terminal gets it cleaned. */
void say_value(const char *value);

#endif
