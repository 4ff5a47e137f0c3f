/* Shows the reports on caches. */
#ifndef CACHES_VIEW_H
#define CACHES_VIEW_H

#include "base/buf.h"
#include "caches/history.h"
#include "caches/probe_report.h"
#include "cmd/json.h"

struct caches_view {
	const struct probe_report *reports;
	size_t count;
	const struct history *before; /* the history before the check */
	int64_t now;
	bool verbose;
};

/* Prints a table and, below it, the problems of each cache with advice. */
#define CACHES_VIEW_MAX (1ULL << 20)
void caches_view_text(struct buf *out, const struct caches_view *v);

/* Adds "caches" and "usable". */
void caches_view_json(struct json_doc *doc, const struct caches_view *v);

#endif
