/* Reports on a plan, as text and as JSON. */
#ifndef PLAN_REPORT_H
#define PLAN_REPORT_H

#include "caches/history.h"
#include "cmd/json.h"
#include "cmd/plan_causes.h"
#include "fetch/query.h"
#include "plan/planner.h"

/* A finished planner and what caches answered. */
struct plan {
	const struct planner *planner;
	const struct query *query;
	const struct history *history; /* history of the caches */
	const struct plan_causes *causes;
	bool no_race; /* as in struct fetch_options */
};

void plan_print(const struct plan *p);
void plan_print_json(const struct plan *p);

/* Prints the chain from an installable to a path that must be built or is unknown, and
 * why; DOC: as JSON. NF_E_USAGE if the path is neither. An output stands for its
 * derivation. */
int plan_print_why(const struct plan *p, const struct nf_storepath *path,
		   struct json_doc *doc, struct nf_err *err) MUST_CHECK;

/* 0 if everything is present or can be fetched; else the most severe cause: NF_E_MISSING
 * (it would be built, or no cache has it), NF_E_TRUST, NF_E_NET... */
int plan_verdict(const struct plan *p, struct nf_err *err) MUST_CHECK;

#endif
