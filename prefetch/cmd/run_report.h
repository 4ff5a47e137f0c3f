/* Reports what happened with each cache in a run, as text and as JSON. */
#ifndef RUN_REPORT_H
#define RUN_REPORT_H

#include "cmd/json.h"
#include "cmd/ui.h"
#include "fetch/fetch.h"

/* "caches", "requests", "requestsPerPath", the forbidden caches and the disputes. */
void run_report_add_json(struct json_doc *doc, const struct fetch_result *r);
/* "disagreements" and "disagreementCount". */
void run_report_add_disputes(struct json_doc *doc, const struct fetch_result *r);

/* "forbiddenCaches": those that answered every request with HTTP status 403. */
void run_report_add_forbidden(struct json_doc *doc, const struct fetch_result *r);

/* How many paths came, or would come, from where. */
struct run_counts {
	const struct fetch_result *result;
	const char *root; /* of the target store, if it was asked; else NULL */
	bool dry_run;
	bool has_have;	  /* what targets have was left out */
	bool fills_store; /* the pool is only a source */
};
void run_report_add_counts(struct buf *out, const struct run_counts *c);

/* Prints one line for each cache that sent, or failed to send, something over the
 * network; not with --quiet, and latencies only with --verbose. */
void run_report_tell_caches(struct ui *ui, const struct fetch_result *r);

/* Warns of each cache that may require a login. */
void run_report_tell_forbidden(struct ui *ui, const struct fetch_result *r);

/* Warns of each path that caches disagree on. */
void run_report_tell_disputes(struct ui *ui, const struct fetch_result *r);

/* The paths that failed, and why. */
void run_report_tell_failures(struct ui *ui, const struct fetch_result *r);
void run_report_add_failures(struct json_doc *doc, const struct fetch_result *r);

#endif
