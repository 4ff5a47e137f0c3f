/* HTTP URLs, in the grammar of RFC 3986 as libcurl reads it. */
#ifndef URL_H
#define URL_H

#include <nixferry/slice.h>
#include <stdbool.h>

#include "base/cleanup.h"

/* The parts of an http or https URL. */
struct url {
	char *text;   /* scheme and host in lower case; no user, no fragment, no default
			 port */
	char *host;   /* in lower case; an IPv6 address without brackets */
	char *origin; /* "https://host:443": equal if scheme, host and port are equal */
	bool tls;
};

/* False if TEXT is not an http or https URL. */
bool url_parse(struct url *ret, struct nf_slice text);
/* Resolves REFERENCE relative to BASE, an http or https URL: "nar/x", "/nar/x",
 * "//host/x", "?x", "https://host/x". False if the result is not an http or https URL. */
bool url_join(struct url *ret, const char *base, const char *reference);
void url_release(struct url *u);

/* TEXT with percent-encoding decoded; NULL if the result would contain a NUL. free(). */
char *url_decode(struct nf_slice text);

/* True if it begins with a scheme and "://". */
bool url_is_absolute(struct nf_slice text);

/* True if a login for FROM may be sent to TO, to which FROM redirects: TO has the same
 * origin, or FROM is http and TO is https of the same host. */
bool url_keeps_login(const struct url *from, const struct url *to);

#endif
