/* What an import says at its end. */
#ifndef IMPORT_REPORT_H
#define IMPORT_REPORT_H

#include <nixferry/import.h>
#include <nixferry/storepath.h>

#include "base/buf.h"
#include "cmd/json.h"

struct import_report {
	const struct nf_import_result *result;
	const char *root;
	const struct nf_storepath *toplevel; /* what there is to install; or NULL */
};

/* Its members, into the object that DOC is in. */
void import_report_add_json(const struct import_report *r, struct json_doc *doc);

/* Appends lines for people; they end with the command that installs. */
void import_report_add_text(const struct import_report *r, struct buf *out);

/* The maximum of a buffer that the lines fit in. */
#define IMPORT_REPORT_MAX 16384

#endif
