#include "cmd/commands.h"
#include "cmd/network_commands.h"

/* In the order of --help. */
static const struct command *const commands[] = {
	&cmd_plan,  &cmd_prefetch,  &cmd_pack,	      &cmd_import_rest, &cmd_verify,
	&cmd_check, &cmd_list,	    &cmd_info,	      &cmd_sign,	&cmd_diff,
	&cmd_roots, &cmd_inventory, &cmd_explain,     &cmd_caches,	&cmd_doctor,
	&cmd_pool,  &cmd_keygen,    &cmd_completions, &cmd_help,	NULL,
};

static const struct program program = {
	.name = "nixferry",
	.summary = "Fetches NixOS closures from verified substituters into signed, "
		   "portable bundles, and imports bundles into target stores.",
	.commands = commands,
};

int main(int argc, char **argv)
{
	return command_main(&program, argc, argv);
}
