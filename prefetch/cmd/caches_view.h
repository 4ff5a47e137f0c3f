/* How the reports on caches are shown. */
#ifndef CACHES_VIEW_H
#define CACHES_VIEW_H

#include "base/buf.h"
#include "caches/history.h"
#include "caches/probe_report.h"
#include "cmd/json.h"

struct caches_view {
	const struct probe_report *reports;
	size_t count;
	const struct history *before; /* what was known before they were asked */
	int64_t now;
	bool verbose;
};

/* A table, and below each cache what is wrong with it and what to do. */
#define CACHES_VIEW_MAX (1ULL << 20)
void caches_view_text(struct buf *out, const struct caches_view *v);

/* Adds "caches" and "usable". */
void caches_view_json(struct json_doc *doc, const struct caches_view *v);

#endif
