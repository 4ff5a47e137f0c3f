/* What a run says of the caches that it has asked: for people and as JSON. */
#ifndef RUN_REPORT_H
#define RUN_REPORT_H

#include "cmd/json.h"
#include "cmd/ui.h"
#include "fetch/fetch.h"

/* "caches", "requests", "requestsPerPath", and the disputes. */
void run_report_add_json(struct json_doc *doc, const struct fetch_result *r);
/* "disagreements" and "disagreementCount". */
void run_report_add_disputes(struct json_doc *doc, const struct fetch_result *r);

/* A line for each cache from which something came over the network, or should have: not
 * with --quiet, and latencies only with --verbose. */
void run_report_tell_caches(struct ui *ui, const struct fetch_result *r);

/* A warning for each cache that may want a login. */
void run_report_tell_forbidden(struct ui *ui, const struct fetch_result *r);

/* A warning for each path of which caches say different things. */
void run_report_tell_disputes(struct ui *ui, const struct fetch_result *r);

#endif
