/* The live display on a terminal: draws frames, moves them below messages, and gives the
 * terminal back when the process is stopped. The caller serializes the calls. */
#ifndef DISPLAY_H
#define DISPLAY_H

#include "base/buf.h"
#include "cmd/progress_view.h"

struct display;

/* NULL if standard error is not a terminal on which anything can be drawn. */
struct display *display_new(bool color);
/* Also ends it. */
void display_free(struct display *d);
DEFINE_CLEANUP(struct display *, display_free)

/* Whether the next frame is due at NOW (in seconds, from any start), or the process is
 * to be stopped. */
bool display_is_due(const struct display *d, double now);
/* Draws with one write, unless it is what is there already. Stops the process if its user
 * asked for that. */
void display_show(struct display *d, const struct progress_sample *s, double now);

/* Appends what makes room for a message, and what draws the last frame below it. D may be
 * NULL. */
void display_add_erase(struct display *d, struct buf *out);
void display_add_again(struct display *d, struct buf *out);

/* Erases what is drawn. D may be NULL. */
void display_end(struct display *d);

/* Writes to standard error. If that fails, there is no way to report it. */
void display_write(const struct buf *text);

/* The maximum of a buffer for one write. */
#define DISPLAY_TEXT_MAX 65536

#endif
