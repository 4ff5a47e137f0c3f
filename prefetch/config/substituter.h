/* Where NARs can be had, as the user names it: "https://cache.nixos.org?priority=40",
 * "http://lan:5000", "file:///mnt/cache", "file:///mnt/x.bundle"; "/mnt" and
 * "local?root=/mnt" (a store's root), "./x.bundle". */
#ifndef SUBSTITUTER_H
#define SUBSTITUTER_H

#include <nixferry/slice.h>
#include <stdbool.h>

#include "base/err.h"

enum substituter_kind {
	SUBSTITUTER_HTTP,
	SUBSTITUTER_FILE, /* "file://": a cache's directory, or a bundle */
	SUBSTITUTER_PATH, /* a store's root, a bundle or a cache's directory */
};

struct substituter {
	enum substituter_kind kind;
	char *url;  /* without parameters and trailing slash; never ends in '/'; of HTTP:
		     * scheme and host in lower case */
	char *path; /* of those that are on this machine */
	bool has_priority;
	int priority;  /* "?priority=N"; lower is tried first */
	bool trusted;  /* "?trusted=1": what it serves needs no signature */
	char *ignored; /* parameters that mean something to Nix only: "a, b"; or NULL */
	char *unknown; /* parameters that not even Nix knows, likewise */
};

/* A store that is of no such kind ("ssh://host", "daemon") is NF_E_UNSUPPORTED. A wrong
 * address, a parameter with a wrong value, and credentials (they belong into netrc) are
 * NF_E_USAGE. */
int substituter_parse(struct substituter *s, struct nf_slice text,
		      struct nf_err *err) MUST_CHECK;
void substituter_release(struct substituter *s);

/* The address of FILE in a cache of HTTP, by RFC 3986: FILE may also be an address of its
 * own, and relative to the host. NULL if it is not an http or https URL. free(). */
char *substituter_resolve(const struct substituter *s, const char *file);

/* The host ("cache.nixos.org:443"), or the path: for people. Borrowed slice of url. */
struct nf_slice substituter_label(const struct substituter *s);

#endif
