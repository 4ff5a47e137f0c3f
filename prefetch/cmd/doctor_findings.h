/* What is right and wrong with a machine, each with advice. */
#ifndef DOCTOR_FINDINGS_H
#define DOCTOR_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "cmd/json.h"

enum doctor_level {
	DOCTOR_OK,
	DOCTOR_NOTE, /* works, but not as well as it could */
	DOCTOR_PROBLEM,
};

struct doctor_finding {
	enum doctor_level level;
	int code; /* NF_E_... of a problem */
	const char *area;
	char *text;
	char *advice; /* lines, or NULL */
};

struct doctor_findings {
	struct doctor_finding *items;
	size_t count, cap;
};

void doctor_findings_release(struct doctor_findings *f);

/* Add a finding. AREA is a literal; ADVICE (copied) may be NULL. */
void doctor_findings_ok(struct doctor_findings *f, const char *area, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
void doctor_findings_note(struct doctor_findings *f, const char *area, const char *advice,
			  const char *fmt, ...) PRINTF_LIKE(4, 5);
void doctor_findings_problem(struct doctor_findings *f, const char *area, int code,
			     const char *advice, const char *fmt, ...) PRINTF_LIKE(5, 6);

void doctor_findings_print(const struct doctor_findings *f);
void doctor_findings_add_json(const struct doctor_findings *f, struct json_doc *doc);

/* 0, or the gravest problem's code, with a text that counts them. */
int doctor_findings_verdict(const struct doctor_findings *f,
			    struct nf_err *err) MUST_CHECK;

#endif
