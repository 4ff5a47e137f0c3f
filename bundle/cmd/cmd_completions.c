#include <stdio.h>

#include "base/limits.h"
#include "cmd/candidates.h"
#include "cmd/commands.h"
#include "cmd/completion.h"
#include "cmd/options.h"

/* A store may have 100,000 paths. */
#define COMPLETIONS_MAX (64 * MIB)

static int run_completions(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	const char *what = cmd_args_get(args, 0);
	const char *word = cmd_args_value(args, "word");
	AUTO_BUF struct buf text = { 0 };

	(void)ui;
	buf_init(&text, COMPLETIONS_MAX);
	if (!candidates_add(&text, what, word ? word : "")) {
		if (word)
			return err_set(
				err, NF_E_USAGE,
				"option '--word' is for values, not for the script of %s",
				what);
		completion_write(&text, cmd_args_program(args), what);
	}
	if (text.len)
		fwrite(text.ptr, 1, text.len, stdout);
	return 0;
}

static const struct cmd_option options[] = {
	{ .name = "word",
	  .value = "TEXT",
	  .help = "print only the values that begin with TEXT" },
	{ 0 },
};
static const struct cmd_option_group group = { "Options", options };

const struct command cmd_completions = {
	.name = "completions",
	.args = "SHELL|VALUES",
	.summary = "print a shell completion script",
	.text = "Prints the completion script of SHELL: bash, zsh or fish. To use it in the current "
		"bash: source <(nixferry completions bash)\n"
		"\n"
		"VALUES prints values that these scripts offer, one on each line, without "
		"using the network:\n"
		"\n"
		"  caches       the substituters of nix.conf\n"
		"  flake-names  for --word DIR#, the NixOS configurations of the flake in DIR, a\n"
		"               path that begins with . or /; nothing if nix needs more than two\n"
		"               seconds\n"
		"  store-paths  the entries of /nix/store",
	.groups = (const struct cmd_option_group *const[]){ &group, &options_common_text,
							    NULL },
	.min_args = 1,
	.max_args = 1,
	.kind = CMD_VALUE_WORDS,
	.words = COMPLETION_SHELLS " " CANDIDATES_KINDS,
	.run = run_completions,
};
