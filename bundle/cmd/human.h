/* Numbers and names for people. */
#ifndef HUMAN_H
#define HUMAN_H

#include <nixferry/slice.h>
#include <stdint.h>

#include "base/buf.h"

/* "1023.9 MiB" and NUL fit. */
#define HUMAN_MAX 24

/* "0 B", "999 B", "1.4 KiB", "2.41 GiB": three digits or so. Returns OUT. */
char *human_size(char out[HUMAN_MAX], uint64_t bytes);

/* "0.29/1.17 GiB": PART, which is at most WHOLE, in the unit of WHOLE. Returns OUT. */
char *human_part(char out[HUMAN_MAX], uint64_t part, uint64_t whole);

/* "7 s", "3:07 min", "2:07 h", "3 d 4 h". Returns OUT. */
char *human_duration(char out[HUMAN_MAX], uint64_t seconds);

/* "0.25 ms", "31 ms", "2.1 s". Returns OUT. */
char *human_latency(char out[HUMAN_MAX], uint32_t microseconds);

/* Appends TEXT in a form that is safe to show on a terminal: control characters, broken
 * UTF-8 and direction overrides become '?'. */
void human_clean(struct buf *out, struct nf_slice text);

#endif
