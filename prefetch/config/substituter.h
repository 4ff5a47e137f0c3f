/* A source of NARs, as the user writes it: "https://cache.nixos.org?priority=40",
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
	char *url;  /* without parameters, never ends in '/'; for HTTP, scheme and host in
		       lower case */
	char *path; /* for those on this machine */
	bool has_priority;
	int priority;  /* "?priority=N"; lower values are preferred */
	bool trusted;  /* "?trusted=1": no signatures needed */
	char *ignored; /* parameters that only matter to Nix: "a, b"; or NULL */
	char *unknown; /* parameters that Nix does not know either, likewise */
};

/* NF_E_UNSUPPORTED for another kind of store ("ssh://host", "daemon"); NF_E_USAGE for an
 * invalid URL, an invalid value of a parameter, or a login (it belongs in netrc). */
int substituter_parse(struct substituter *s, struct nf_slice text,
		      struct nf_err *err) MUST_CHECK;
void substituter_release(struct substituter *s);

/* The URL of FILE in an HTTP cache, by RFC 3986: FILE may also be a complete URL, or
 * relative to the host. NULL if the result is not an http or https URL. free(). */
char *substituter_resolve(const struct substituter *s, const char *file);

/* The host ("cache.nixos.org:443") or the path, for messages. A slice of url. */
struct nf_slice substituter_label(const struct substituter *s);

#endif
