#include "cmd/transfer_options.h"

static const struct cmd_option options[] = {
	{ "no-race", 0, NULL,
	  "never download the same bytes twice: a slow transfer is not helped by another "
	  "cache or connection; for metered links",
	  0, NULL, false },
	{ 0 },
};
const struct cmd_option_group transfer_options = { "Transfers", options };

void transfer_options_read(struct fetch_options *f, const struct cmd_args *args)
{
	f->no_race = cmd_args_flag(args, "no-race");
}
