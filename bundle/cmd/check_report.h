/* What a check of a store says at its end. */
#ifndef CHECK_REPORT_H
#define CHECK_REPORT_H

#include <stdbool.h>

#include "base/err.h"
#include "store/store_check.h"

struct check_report {
	const struct store_check_result *result;
	const char *root;
	bool names_unknown; /* each of them, not their number alone */
};

/* On standard output. */
void check_report_text(const struct check_report *r);
void check_report_json(const struct check_report *r);

/* 0 if nothing was found; else what stands for all of it, the gravest first: NF_E_FORMAT,
 * NF_E_MISSING, NF_E_SYS. It names the remedy. */
int check_report_verdict(const struct check_report *r, struct nf_err *err) MUST_CHECK;

#endif
