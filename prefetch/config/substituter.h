/* Where NARs can be had, as the user names it: "https://cache.nixos.org?priority=40",
 * "http://lan:5000", "file:///mnt/cache". */
#ifndef SUBSTITUTER_H
#define SUBSTITUTER_H

#include <nixferry/slice.h>
#include <stdbool.h>

#include "base/err.h"

enum substituter_kind {
	SUBSTITUTER_HTTP,
	SUBSTITUTER_FILE
};

struct substituter {
	enum substituter_kind kind;
	char *url;  /* without parameters and trailing slash; never ends in '/' */
	char *path; /* SUBSTITUTER_FILE: the directory */
	bool has_priority;
	int priority; /* "?priority=N"; lower is tried first */
};

/* Anything that is no such URL, or has parameters that we do not know, is NF_E_USAGE. */
int substituter_parse(struct substituter *s, struct nf_slice text,
		      struct nf_err *err) MUST_CHECK;
void substituter_release(struct substituter *s);

/* The URL of FILE in the cache; FILE may be an absolute URL itself. free(). */
char *substituter_resolve(const struct substituter *s, const char *file);

/* The host ("cache.nixos.org:443"), or the path: for people. Borrowed slice of url. */
struct nf_slice substituter_label(const struct substituter *s);

#endif
