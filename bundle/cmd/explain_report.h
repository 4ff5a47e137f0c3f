/* What a build did, for people and as JSON. */
#ifndef EXPLAIN_REPORT_H
#define EXPLAIN_REPORT_H

#include <stdbool.h>

#include "cmd/json.h"
#include "format/build_account.h"

struct explain_log {
	const char *name; /* of the file, or the command */
	const struct build_account *account;
};

void explain_report_print(const struct explain_log *log, bool all);
/* Two logs side by side. */
void explain_report_compare(const struct explain_log *before,
			    const struct explain_log *after);

/* Each log is an object of the array "logs". */
void explain_report_add_json(const struct explain_log *log, struct json_doc *doc);

#endif
