/* Which login is sent where: that of a netrc file is sent to the scheme, host and port of
 * a cache that the user named, and to nothing else. */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include "config/netrc.h"
#include "config/substituter.h"
#include "config/url.h"

struct credentials;

struct login {
	const char *name;
	const char *password;
};

/* Finds the logins of N for the COUNT substituters; borrows nothing. */
struct credentials *credentials_new(const struct netrc *n, const struct substituter *list,
				    size_t count);
void credentials_free(struct credentials *c);
DEFINE_CLEANUP(struct credentials *, credentials_free)

/* The login for a URL, or NULL. C may be NULL. */
const struct login *credentials_find(const struct credentials *c, const struct url *url);

#endif
