/* Where a request goes: its own address, then those that it is redirected to; and the
 * login that goes along. */
#ifndef ROUTE_H
#define ROUTE_H

#include <stdbool.h>

#include "base/err.h"
#include "config/credentials.h"

#define ROUTE_REDIRECTS_MAX 10

struct route {
	const struct credentials *credentials; /* or NULL */
	struct url url;			       /* that is asked now */
	const struct login *login;	       /* for it, or NULL */
	unsigned redirects;		       /* that were followed */
};

/* False if URL is not an http or https URL. */
bool route_begin(struct route *r, const struct credentials *c, const char *url);

/* Goes on to LOCATION, which may be relative. Its name and password, if it has any, are
 * not used; ours go along only as far as url_keeps_login allows. NF_E_FORMAT if it is no
 * address, NF_E_LIMIT after too many. */
int route_follow(struct route *r, const char *location, struct nf_err *err) MUST_CHECK;

void route_release(struct route *r);

#endif
