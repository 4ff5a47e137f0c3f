/* Addresses of HTTP, in the grammar of RFC 3986 as libcurl reads it. */
#ifndef URL_H
#define URL_H

#include <nixferry/slice.h>
#include <stdbool.h>

#include "base/cleanup.h"

/* What an http or https address consists of. */
struct url {
	char *text;   /* scheme and host in lower case, no user, no fragment, and no port
		       * where   it is the scheme's own */
	char *host;   /* in lower case; an IPv6 address without brackets */
	char *origin; /* "https://host:443": equal where scheme, host and port are equal
		       */
	bool tls;
};

/* False if TEXT is not an http or https URL. */
bool url_parse(struct url *ret, struct nf_slice text);
/* What REFERENCE means in a document at BASE, an http or https address: "nar/x",
 * "/nar/x",
 * "//host/x", "?x", "https://host/x". False if that is not an http or https URL. */
bool url_join(struct url *ret, const char *base, const char *reference);
void url_release(struct url *u);

/* TEXT with its %41 as "A"; NULL where one would be a NUL. free(). */
char *url_decode(struct nf_slice text);

/* True if it begins with a scheme and "://". */
bool url_is_absolute(struct nf_slice text);

/* True if a login for FROM may be sent to TO, where FROM sent us: TO has the same origin,
 * or is https of the same host where FROM is http. */
bool url_keeps_login(const struct url *from, const struct url *to);

#endif
