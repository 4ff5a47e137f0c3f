#include "cmd/transfer_options.h"

#include "base/units.h"
#include "caches/patience.h"

static const struct cmd_option options[] = {
	{ .name = "no-race",
	  .help = "never download the same bytes twice, even if another cache or "
		  "connection could overtake a slow transfer; for metered links" },
	{ .name = "retry-for",
	  .value = "TIME",
	  .help = "wait for caches that cannot be reached, until nothing has arrived "
		  "for TIME, such as 90s, 10m, 2h or 1d; default: give up after some "
		  "attempts" },
	{ 0 },
};
const struct cmd_option_group transfer_options = { "Transfers", options };

static int read_retry_for(int64_t *ret_ms, const struct cmd_args *args,
			  struct nf_err *err)
{
	const char *text = cmd_args_value(args, "retry-for");
	uint64_t seconds = 0;

	*ret_ms = 0;
	if (!text)
		return 0;
	/* A number alone is not a time: a unit of 0 makes it invalid. */
	if (!units_parse_duration(nf_slice_str(text), 0, &seconds) || seconds == 0 ||
	    seconds > PATIENCE_MAX_S)
		return err_set(
			err, NF_E_USAGE,
			"option '--retry-for': '%s' is not a time like 90s, 10m, 2h or 1d, of at most 31d",
			text);
	*ret_ms = (int64_t)seconds * 1000;
	return 0;
}

int transfer_options_read(struct fetch_options *f, const struct cmd_args *args,
			  struct nf_err *err)
{
	f->no_race = cmd_args_flag(args, "no-race");
	return read_retry_for(&f->retry_for_ms, args, err);
}
