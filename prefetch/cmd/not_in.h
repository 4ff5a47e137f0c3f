/* --not-in: what a cache has, a bundle need not carry, if its target can fetch it there.
 */
#ifndef NOT_IN_H
#define NOT_IN_H

#include "base/sandbox.h"
#include "cmd/cmd_args.h"
#include "cmd/have.h"
#include "config/credentials.h"
#include "config/substituter_list.h"
#include "fetch/fetch.h"
#include "input/nix_settings.h"

extern const struct cmd_option_group not_in_group;

struct not_in {
	struct substituter_list caches;
	struct credentials *credentials;
	struct fetch_options fetch; /* how to ask them */
};

/* Also reads the options of options_connections. SETTINGS must outlive N. */
int not_in_read(struct not_in *n, const struct cmd_args *args,
		struct nix_settings *settings, struct nf_err *err) MUST_CHECK;
void not_in_release(struct not_in *n);

/* Grants the network, if there is something to ask. */
void not_in_grant(const struct not_in *n, struct sandbox *s);

/* Adds to *HAVE (which may be NULL) each path of the closure of SOURCES' paths that is in
 * these caches, signed by trusted keys, with its whole closure. */
int not_in_find(struct not_in *n, struct have **have, const struct fetch_options *sources,
		struct nf_err *err) MUST_CHECK;

#endif
