/* The route of a request: its own URL, then those that it is redirected to, and the login
 * that is sent along. */
#ifndef ROUTE_H
#define ROUTE_H

#include <stdbool.h>

#include "base/err.h"
#include "config/credentials.h"

#define ROUTE_REDIRECTS_MAX 10

struct route {
	const struct credentials *credentials; /* or NULL */
	struct url url;			       /* the current one */
	const struct login *login;	       /* for it, or NULL */
	unsigned redirects;		       /* number of redirects followed */
};

/* False if URL is not an http or https URL. */
bool route_begin(struct route *r, const struct credentials *c, const char *url);

/* Follows a redirect to LOCATION, which may be relative. A login in it is ignored; ours
 * is sent only as url_keeps_login allows. NF_E_FORMAT if it is not a URL, NF_E_LIMIT
 * after too many redirects. */
int route_follow(struct route *r, const char *location, struct nf_err *err) MUST_CHECK;

void route_release(struct route *r);

#endif
