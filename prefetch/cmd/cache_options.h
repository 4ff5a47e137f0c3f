/* The options that commands which ask caches share. */
#ifndef CACHE_OPTIONS_H
#define CACHE_OPTIONS_H

#include "cmd/cmd_args.h"
#include "config/substituter.h"

#define CONNECTIONS_MAX 1024

struct substituter_list {
	struct substituter *items;
	size_t count;
};

#define SUBSTITUTER_LIST_INIT                                                            \
	{                                                                                \
		0                                                                        \
	}

/* --substituter and --extra-substituter; without any, cache.nixos.org. */
int cache_options_substituters(struct substituter_list *ret, const struct cmd_args *a,
			       struct nf_err *err) MUST_CHECK;
void substituter_list_release(struct substituter_list *l);

/* --connections; 0 where it is not given. */
int cache_options_connections(size_t *ret, const struct cmd_args *a,
			      struct nf_err *err) MUST_CHECK;

#endif
