/* Notes on metadata of paths that is not passed on. */
#ifndef LEFT_OUT_H
#define LEFT_OUT_H

#include <stddef.h>

#include "base/progress.h"

/* Notes that WHERE dropped COUNT texts; nothing if COUNT is 0. */
void left_out_note(struct progress *p, const char *where, size_t count);

/* Notes that the database of the store below ROOT contains COUNT of them. */
void left_out_note_store(struct progress *p, const char *root, size_t count);

#endif
