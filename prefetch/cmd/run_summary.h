/* The last lines of a run: how long it took, how fast it was, and what the slowest cache
 * alone would have brought. */
#ifndef RUN_SUMMARY_H
#define RUN_SUMMARY_H

#include "base/buf.h"
#include "cmd/ui.h"
#include "fetch/fetch.h"

/* Appends lines of text, or nothing if the run took less than a second. */
void run_summary_add(struct buf *out, const struct fetch_result *r, double seconds);

/* Prints a line for each cache, and these. */
void run_summary_tell(struct ui *ui, const struct fetch_result *r);

/* Tells a person at a terminal what can be done with the paths that are in the pool. */
void run_summary_tell_next(struct ui *ui, bool is_dry_run);

#endif
