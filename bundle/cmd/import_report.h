/* What an import reports at its end. */
#ifndef IMPORT_REPORT_H
#define IMPORT_REPORT_H

#include <nixferry/import.h>
#include <nixferry/storepath.h>

#include "base/buf.h"
#include "cmd/json.h"

struct import_report {
	const struct nf_import_result *result;
	const char *root;
	const struct nf_storepath *toplevel; /* the system to install; or NULL */
};

/* Adds the members of the object that DOC is in. */
void import_report_add_json(const struct import_report *r, struct json_doc *doc);

/* Appends lines of text; the last ones show the command that installs the system. */
void import_report_add_text(const struct import_report *r, struct buf *out);

/* The maximum of a buffer that the lines fit in. */
#define IMPORT_REPORT_MAX 16384

#endif
