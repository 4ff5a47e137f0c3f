/* Which name and password go where: those of a netrc file go to the scheme, host and port
 * of a cache that the user named, and to nothing else. */
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

/* Those that N has for the COUNT substituters; it borrows nothing. */
struct credentials *credentials_new(const struct netrc *n, const struct substituter *list,
				    size_t count);
void credentials_free(struct credentials *c);
DEFINE_CLEANUP(struct credentials *, credentials_free)

/* The login for an address, or NULL. C may be NULL. */
const struct login *credentials_find(const struct credentials *c, const struct url *url);

#endif
