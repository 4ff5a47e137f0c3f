/* What a plan says, for people and as JSON. */
#ifndef PLAN_REPORT_H
#define PLAN_REPORT_H

#include "caches/history.h"
#include "cmd/json.h"
#include "cmd/plan_causes.h"
#include "fetch/query.h"
#include "plan/planner.h"

/* A finished planner and what caches said. */
struct plan {
	const struct planner *planner;
	const struct query *query;
	const struct history *history; /* what is known of the caches */
	const struct plan_causes *causes;
	bool no_race; /* as of struct fetch_options */
};

void plan_print(const struct plan *p);
void plan_print_json(const struct plan *p);

/* The chain from a target to a path that is to be built or is unknown, and why; DOC: as
 * JSON. NF_E_USAGE if it is neither. An output stands for its derivation. */
int plan_print_why(const struct plan *p, const struct nf_storepath *path,
		   struct json_doc *doc, struct nf_err *err) MUST_CHECK;

/* 0 if everything is here or can be fetched; else the gravest cause of what cannot:
 * NF_E_MISSING (it would be built, or no cache has it), NF_E_TRUST, NF_E_NET... */
int plan_verdict(const struct plan *p, struct nf_err *err) MUST_CHECK;

#endif
