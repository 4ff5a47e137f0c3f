/* Notes on what of path infos is not passed on. */
#ifndef LEFT_OUT_H
#define LEFT_OUT_H

#include <stddef.h>

#include "base/progress.h"

/* WHERE told COUNT texts that were not taken, or nothing if that is 0. */
void left_out_note(struct progress *p, const char *where, size_t count);

/* The database of the store below ROOT has COUNT of them. */
void left_out_note_store(struct progress *p, const char *root, size_t count);

#endif
