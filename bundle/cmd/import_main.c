/* nixferry-import: the program that travels with a bundle. */
#include "cmd/commands.h"

static const struct command *const commands[] = {
	&cmd_import, &cmd_verify, &cmd_check,	  &cmd_list, &cmd_info,
	&cmd_diff,   &cmd_roots,  &cmd_inventory, &cmd_help, NULL,
};

static const struct program program = {
	.name = "nixferry-import",
	.summary =
		"Verifies bundles of NixOS closures and unpacks them into target stores.",
	.commands = commands,
};

int main(int argc, char **argv)
{
	return command_main(&program, argc, argv);
}
