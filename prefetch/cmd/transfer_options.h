/* Network options of commands that fetch NARs, in addition to cache_options.h. */
#ifndef TRANSFER_OPTIONS_H
#define TRANSFER_OPTIONS_H

#include "cmd/cmd_args.h"
#include "fetch/fetch.h"

/* --no-race, --retry-for */
extern const struct cmd_option_group transfer_options;

int transfer_options_read(struct fetch_options *f, const struct cmd_args *args,
			  struct nf_err *err) MUST_CHECK;

#endif
