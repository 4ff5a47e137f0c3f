#include <stdio.h>

#include "base/limits.h"
#include "cmd/commands.h"
#include "cmd/completion.h"
#include "cmd/options.h"

static int run_completions(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };

	(void)ui;
	(void)err;
	buf_init(&text, MIB);
	completion_write(&text, cmd_args_program(args), cmd_args_get(args, 0));
	fwrite(text.ptr, 1, text.len, stdout);
	return 0;
}

const struct command cmd_completions = {
	.name = "completions",
	.args = "bash|zsh|fish",
	.summary = "print a shell completion script",
	.text = "Prints the completion script of a shell. To use it in the current "
		"bash: source <(nixferry completions bash)",
	.groups = (const struct cmd_option_group *const[]){ &options_common_text, NULL },
	.min_args = 1,
	.max_args = 1,
	.kind = CMD_VALUE_WORDS,
	.words = COMPLETION_SHELLS,
	.run = run_completions,
};
