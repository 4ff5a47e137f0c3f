#include <stdio.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/subprocess.h"
#include "cmd/cmd_args.h"
#include "cmd/commands.h"
#include "cmd/help.h"
#include "cmd/man.h"
#include "cmd/options.h"

/* Enough for where the page is. */
#define ANSWER_MAX (4 * KIB)

/* Opens the page of the command where there are a terminal, man and the page. */
static bool open_page(const struct command *command)
{
	AUTO_FREE char *name = mem_printf("nixferry-%s", command->name);
	const char *const find[] = { "man", "-w", "1", name, NULL };
	const char *const open[] = { "man", "1", name, NULL };
	AUTO_BUF struct buf where = { 0 };

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return false;
	buf_init(&where, ANSWER_MAX);
	return !subprocess_run(find, &where, NULL) && !subprocess_run_here(open, NULL);
}

static void print_text(const struct program *program, const struct command *command,
		       bool man)
{
	AUTO_BUF struct buf text = { 0 };

	buf_init(&text, man ? MAN_PAGE_MAX : HELP_MAX);
	if (command)
		(man ? man_command : help_command)(&text, program, command);
	else
		(man ? man_program : help_program)(&text, program);
	fwrite(text.ptr, 1, text.len, stdout);
}

static int run_help(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	const struct program *program = cmd_args_program(args);
	const struct command *command = NULL;
	bool man = cmd_args_flag(args, "man");

	(void)ui;
	if (cmd_args_count(args) > 0) {
		command = command_find(program, cmd_args_get(args, 0));
		if (!command)
			return command_unknown(program, cmd_args_get(args, 0), err);
	}
	if (man || !command || !open_page(command))
		print_text(program, command, man);
	return 0;
}

static const struct cmd_option options[] = {
	{ .name = "man",
	  .help = "print the manual page in roff, the format that man reads" },
	{ 0 },
};
static const struct cmd_option_group group = { "Options", options };

const struct command cmd_help = {
	.name = "help",
	.args = "[COMMAND]",
	.summary = "describe a command and its options",
	.text = "Describes COMMAND and its options, or lists the commands. On a terminal, "
		"the manual page of COMMAND opens if it is installed; COMMAND --help "
		"always prints the short form.",
	.groups = (const struct cmd_option_group *const[]){ &group, &options_common_text,
							    NULL },
	.max_args = 1,
	.kind = CMD_VALUE_COMMAND,
	.run = run_help,
};
