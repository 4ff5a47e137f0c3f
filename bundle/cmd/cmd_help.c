#include <stdio.h>

#include "cmd/cmd_args.h"
#include "cmd/commands.h"
#include "cmd/help.h"
#include "cmd/options.h"

static int run_help(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	const struct program *program = cmd_args_program(args);
	const struct command *command = NULL;
	AUTO_BUF struct buf text = { 0 };

	(void)ui;
	buf_init(&text, HELP_MAX);
	if (cmd_args_count(args) > 0) {
		command = command_find(program, cmd_args_get(args, 0));
		if (!command)
			return err_set(err, NF_E_USAGE, "unknown command '%s'",
				       cmd_args_get(args, 0));
	}
	if (command)
		help_command(&text, program, command);
	else
		help_program(&text, program);
	fwrite(text.ptr, 1, text.len, stdout);
	return 0;
}

const struct command cmd_help = {
	.name = "help",
	.args = "[COMMAND]",
	.summary = "describe a command and its options",
	.text = "Describes COMMAND and its options, or lists the commands.",
	.groups = (const struct cmd_option_group *const[]){ &options_common_text, NULL },
	.max_args = 1,
	.kind = CMD_VALUE_COMMAND,
	.run = run_help,
};
