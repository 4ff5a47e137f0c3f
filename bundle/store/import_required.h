/* What a bundle requires of its target. */
#ifndef IMPORT_REQUIRED_H
#define IMPORT_REQUIRED_H

#include <nixferry/bundle.h>
#include <nixferry/pathinfo.h>

#include "base/err.h"
#include "base/progress.h"

/* How to ask the target for a path, as intake_find does, with NF_E_MISSING. */
struct import_required_target {
	int (*find)(void *ctx, const struct nf_storepath *path, struct nf_pathinfo *info,
		    struct nf_err *err);
	void *ctx;
	const char *name; /* for messages: "the target" */
};

/* NF_E_MISSING if the target lacks a path that B requires, or has it with other content.
 * Notes name all of them. */
int import_required_check(const struct nf_bundle *b,
			  const struct import_required_target *target,
			  struct progress *progress, struct nf_err *err) MUST_CHECK;

/* Whether B requires the path with this base name. */
bool import_required_has(const struct nf_bundle *b, struct nf_slice base);

#endif
