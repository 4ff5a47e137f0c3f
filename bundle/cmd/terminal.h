/* The terminal that standard error is: what it can show, whose turn it is to draw on it,
 * and how it is left when the process is stopped or ended while something is drawn. The
 * cursor is hidden meanwhile, and stays at the beginning of the first drawn row: so a
 * constant sequence erases all rows, also after the terminal was resized. */
#ifndef TERMINAL_H
#define TERMINAL_H

#include "cmd/screen_row.h"

/* Erases what is drawn, and shows the cursor. */
#define TERMINAL_ERASE "\r\033[J\033[?25h"

/* True if standard error is a terminal on which a display can be drawn. */
bool terminal_can_draw(void);

/* Reads its size: it changes when the terminal is resized. */
void terminal_look(struct screen *ret);

/* Begins drawing, unless another process draws on this terminal; drawing twice has no
 * effect. Until terminal_end, SIGTSTP is only noted, and a signal that ends the process
 * erases the display first. Returns whether this process may draw. */
bool terminal_begin(void);
void terminal_end(void);

/* False while the process runs in the background. */
bool terminal_is_ours(void);

/* True if the user asked to stop the process (Ctrl-Z). Erase the display, then call
 * terminal_stop, which returns when the process is continued. Call both on the thread
 * that draws. */
bool terminal_wants_stop(void);
void terminal_stop(void);

#endif
