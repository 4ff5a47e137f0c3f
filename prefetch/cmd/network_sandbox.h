/* What the commands that query caches may still do while they parse what these answer. */
#ifndef NETWORK_SANDBOX_H
#define NETWORK_SANDBOX_H

#include "base/sandbox.h"
#include "fetch/fetch.h"
#include "store/local_store.h"

/* Grants the network, what looking up names and checking certificates reads, the pool of
 * OPTIONS (which USE says how it is used), its history, its caches on this machine, and
 * the live store (NULL: none). sandbox_free. */
struct sandbox *network_sandbox_new(const struct fetch_options *options,
				    enum sandbox_use use,
				    const struct local_store *store);
/* The same for a sandbox that grants more than that. */
void network_sandbox_grant(struct sandbox *s, const struct fetch_options *options,
			   enum sandbox_use use, const struct local_store *store);

#endif
