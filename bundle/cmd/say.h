/* Text on standard output: whatever a bundle, a cache or a file name contains, no control
 * character, broken UTF-8 or direction override reaches the terminal (human_clean). */
#ifndef SAY_H
#define SAY_H

#include <nixferry/slice.h>

#include "base/err.h"

/* Prints one line and adds the line feed. A line feed within it is replaced like other
 * control characters. */
void say_line(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Prints complete lines, each of which ends with a line feed. */
void say_text(struct nf_slice lines);

/* Prints a value for scripts unchanged; cleans it only for a terminal. */
void say_value(const char *value);

#endif
