#include "cmd/command.h"

#include <nixferry/version.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/interrupt.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/suggest.h"
#include "cmd/cmd_args.h"
#include "cmd/help.h"
#include "cmd/ui.h"

#define OPEN_FILES_WANTED 8192

const struct command *command_find(const struct program *program, const char *name)
{
	for (size_t i = 0; program->commands[i]; i++) {
		if (strcmp(program->commands[i]->name, name) == 0)
			return program->commands[i];
	}
	return NULL;
}

/* Whether messages must be JSON, for a command line that cannot be parsed. */
static bool wants_json(char **argv)
{
	static const char name[] = "--log-format";
	const char *format = "";

	for (; *argv && strcmp(*argv, "--") != 0; argv++) {
		struct nf_slice arg = nf_slice_str(*argv);

		if (strcmp(*argv, name) == 0 && argv[1])
			format = *++argv;
		else if (slice_skip_prefix(&arg, name) && slice_skip_prefix(&arg, "="))
			format = arg.ptr;
	}
	return strcmp(format, "json") == 0;
}

static int usage_error(const struct program *program, const char *command, char **argv,
		       const struct nf_err *err)
{
	struct ui_options opts = {
		.program = program->name,
		.command = command,
		.json = wants_json(argv),
	};
	AUTO(ui_freep) struct ui *ui = ui_new(&opts);
	AUTO_FREE char *advice = NULL;

	if (command)
		advice = mem_printf("try '%s help %s'", program->name, command);
	else
		advice = mem_printf("try '%s --help'", program->name);
	ui_error(ui, err);
	if (opts.json)
		ui_note(ui, "%s", advice);
	else
		fprintf(stderr, "%s\n", advice);
	return nf_exit_status(err->code);
}

int command_unknown(const struct program *program, const char *name, struct nf_err *err)
{
	struct suggest near;

	suggest_init(&near, name);
	for (size_t i = 0; program->commands[i]; i++)
		suggest_offer(&near, program->commands[i]->name);
	if (!near.best)
		return err_set(err, NF_E_USAGE, "unknown command '%s'", name);
	return err_set(err, NF_E_USAGE, "unknown command '%s' (did you mean '%s'?)", name,
		       near.best);
}

static struct ui *make_ui(const struct cmd_args *args, const char *command)
{
	const char *color = cmd_args_value(args, "color");
	const char *format = cmd_args_value(args, "log-format");
	struct ui_options opts = {
		.program = cmd_args_program(args)->name,
		.command = command,
		.quiet = cmd_args_flag(args, "quiet"),
		.verbose = cmd_args_flag(args, "verbose"),
		.no_progress = cmd_args_flag(args, "no-progress"),
		.json = format && strcmp(format, "json") == 0,
	};

	if (color && strcmp(color, "always") == 0)
		opts.color = UI_COLOR_ALWAYS;
	else if (color && strcmp(color, "never") == 0)
		opts.color = UI_COLOR_NEVER;
	return ui_new(&opts);
}

/* A result that could not be written is a failure. */
static int finish_stdout(struct nf_err *err)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	err_sys(err, "standard output");
	err->code = NF_E_SYS;
	return -NF_E_SYS;
}

static int run_command(const struct command *command, const struct cmd_args *args)
{
	AUTO(ui_freep) struct ui *ui = make_ui(args, command->name);
	struct nf_err err = { 0 };
	int rc;

	interrupt_install();
	rc = command->run(args, ui, &err);
	ui_progress_stop(ui);
	if (rc == -NF_E_INTR && command->resumes)
		rc = err_set(&err, NF_E_INTR,
			     "interrupted; run the same command again to resume");
	if (!rc)
		ui_tell_time(ui);
	if (rc)
		ui_error(ui, &err);
	else if (cmd_args_unread(args))
		ui_warn(ui, "option '--%s' had no effect", cmd_args_unread(args));
	if (finish_stdout(&err)) {
		ui_error(ui, &err);
		rc = rc ? rc : -(int)err.code;
	}
	return nf_exit_status(rc);
}

static int print_help(const struct program *program, const struct command *command)
{
	struct ui_options opts = { .program = program->name };
	AUTO(ui_freep) struct ui *ui = ui_new(&opts);
	AUTO_BUF struct buf text = { 0 };
	struct nf_err err;
	int rc;

	buf_init(&text, HELP_MAX);
	if (command)
		help_command(&text, program, command);
	else
		help_program(&text, program);
	fwrite(text.ptr, 1, text.len, stdout);
	rc = finish_stdout(&err);
	if (rc)
		ui_error(ui, &err);
	return nf_exit_status(rc);
}

static int main_command(const struct program *program, const struct command *command,
			int argc, char **argv)
{
	AUTO(cmd_args_freep) struct cmd_args *args = NULL;
	struct nf_err err;
	int rc;

	rc = cmd_args_parse(&args, program, command, argc, argv, &err);
	if (rc)
		return usage_error(program, command->name, argv, &err);
	if (cmd_args_flag(args, "help"))
		return print_help(program, command);
	return run_command(command, args);
}

/* Each connection, partial download and lock takes a file descriptor. The usual limit is
 * low only for programs that use select(). */
static void allow_open_files(rlim_t wanted)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	(void)!setrlimit(RLIMIT_NOFILE, &limit);
}

int command_main(const struct program *program, int argc, char **argv)
{
	const struct command *command;
	struct nf_err err;
	int rc;

	/* As Nix does: everyone may read what is created in a store. */
	umask(022);
	allow_open_files(OPEN_FILES_WANTED);
	if (argc < 2) {
		err_set(&err, NF_E_USAGE, "no command given");
		return usage_error(program, NULL, argv + argc, &err);
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return print_help(program, NULL);
	if (strcmp(argv[1], "--version") == 0) {
		printf("%s %s\n", program->name, NF_VERSION);
		return nf_exit_status(finish_stdout(&err));
	}
	if (argv[1][0] == '-') {
		err_set(&err, NF_E_USAGE, "option '%s' before the command", argv[1]);
		return usage_error(program, NULL, argv + 1, &err);
	}
	command = command_find(program, argv[1]);
	if (!command) {
		rc = command_unknown(program, argv[1], &err);
		return rc ? usage_error(program, NULL, argv + 1, &err) : 0;
	}
	return main_command(program, command, argc - 2, argv + 2);
}
