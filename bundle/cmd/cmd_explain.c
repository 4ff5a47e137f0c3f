#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/file_open.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/plural.h"
#include "base/slice.h"
#include "cmd/commands.h"
#include "cmd/explain_report.h"
#include "cmd/explain_run.h"
#include "cmd/json.h"
#include "cmd/options.h"
#include "cmd/sandbox_options.h"
#include "cmd/ui.h"

#define READ_SIZE 65536

struct explain_input {
	const char *name;
	int fd;
	const char *const *command; /* instead of fd, or NULL */
	struct build_account_reader *reader;
	struct explain_log log;
};

struct explain_job {
	struct explain_input inputs[2];
	size_t count;
	int failed; /* of the command */
	struct nf_err why;
};

static void job_release(struct explain_job *j)
{
	for (size_t i = 0; i < ARRAY_SIZE(j->inputs); i++) {
		build_account_reader_free(j->inputs[i].reader);
		if (j->inputs[i].fd != STDIN_FILENO)
			cleanup_fd(&j->inputs[i].fd);
	}
}

/* ---- arguments ---- */

static int open_log(struct explain_job *j, const char *name, struct nf_err *err)
{
	struct explain_input *in = &j->inputs[j->count++];

	in->name = name;
	if (strcmp(name, "-") != 0)
		return file_open_input(&in->fd, name, err);
	in->name = "standard input";
	in->fd = STDIN_FILENO;
	return 0;
}

static int open_inputs(struct explain_job *j, const struct cmd_args *args,
		       struct nf_err *err)
{
	const char *const *command = cmd_args_after_dashes(args);
	size_t logs = cmd_args_count(args);
	size_t want = cmd_args_flag(args, "compare") ? 2 : 1;
	int rc = 0;

	for (size_t i = 0; command && command[i]; i++)
		logs--;
	if (cmd_args_is_given(args, "save") && !command)
		return err_set(err, NF_E_USAGE, "'--save' is for '-- COMMAND'");
	if (command && !command[0])
		return err_set(err, NF_E_USAGE, "missing COMMAND after '--'");
	if (!command && logs == 0 && want == 1)
		return open_log(j, "-", err);
	if (logs + (command != NULL) != want)
		return err_set(err, NF_E_USAGE, "expected %s",
			       want == 2 ? "two logs to compare"
					 : "one log or a command");
	for (size_t i = 0; i < logs && !rc; i++)
		rc = open_log(j, cmd_args_get(args, i), err);
	if (!rc && command) {
		j->inputs[j->count].command = command;
		j->inputs[j->count++].name = command[0];
	}
	return rc;
}

/* ---- reading ---- */

static void take_lines(struct explain_input *in, struct buf *rest, bool is_end)
{
	struct nf_slice s = buf_slice(rest);
	size_t left;

	while (s.len && memchr(s.ptr, '\n', s.len))
		build_account_line(in->reader, slice_cut(&s, '\n'));
	/* A longer line is cut into pieces. */
	if (s.len && (is_end || s.len > BUILD_LOG_LINE_MAX)) {
		build_account_line(in->reader, s);
		s.len = 0;
	}
	left = s.len;
	if (left)
		memmove(rest->ptr, s.ptr, left);
	rest->len = left;
}

static int read_log(struct explain_input *in, struct nf_err *err)
{
	AUTO_BUF struct buf rest = { 0 };
	AUTO_FREE char *bytes = mem_alloc(READ_SIZE);
	size_t len;
	int rc;

	buf_init(&rest, BUILD_LOG_LINE_MAX + 2 * READ_SIZE);
	do {
		rc = file_read_stream(in->fd, bytes, READ_SIZE, &len, in->name, err);
		if (rc)
			return rc;
		buf_add(&rest, bytes, len);
		take_lines(in, &rest, len < READ_SIZE);
	} while (len == READ_SIZE);
	return 0;
}

static int read_input(struct explain_job *j, struct explain_input *in,
		      const struct cmd_args *args, struct nf_err *err)
{
	struct explain_run run = { .argv = in->command,
				   .save = cmd_args_value(args, "save"),
				   .output_to_stderr = cmd_args_flag(args, "json") };
	int rc = 0;

	in->reader = build_account_reader_new();
	if (in->command)
		j->failed = explain_run(&run, in->reader, &j->why);
	else
		rc = read_log(in, err);
	/* Without a command, there is no log. */
	if (j->failed == -NF_E_MISSING) {
		*err = j->why;
		return j->failed;
	}
	if (rc)
		return rc;
	in->log.name = in->name;
	in->log.account = build_account_finish(in->reader);
	return 0;
}

static bool has_command(const struct explain_job *j)
{
	return j->inputs[j->count - 1].command != NULL;
}

static int enter_sandbox(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	AUTO(sandbox_freep) struct sandbox *s = sandbox_new();

	return sandbox_options_enter(s, args, ui, err);
}

/* ---- results ---- */

static void print_json(const struct explain_job *j)
{
	AUTO(json_doc_freep) struct json_doc *doc = json_doc_new();

	json_begin_array(doc, "logs");
	for (size_t i = 0; i < j->count; i++)
		explain_report_add_json(&j->inputs[i].log, doc);
	json_end(doc);
	json_print(doc, stdout);
}

static void note_doubts(const struct explain_log *log, struct ui *ui)
{
	const struct build_account *a = log->account;

	if (!a->is_json)
		ui_note(ui,
			"%s: plain lines do not say how long anything took; give nix the option --log-format internal-json",
			log->name);
	else if (!a->has_times)
		ui_note(ui,
			"%s: the lines have no times; let 'explain --save FILE -- COMMAND' run the command",
			log->name);
	if (a->broken)
		ui_warn(ui, "%s: %zu %s not readable", log->name, a->broken,
			plural(a->broken, "line is", "lines are"));
	if (a->ignored)
		ui_warn(ui, "%s: %zu events are beyond a limit and not counted",
			log->name, a->ignored);
}

static int run_explain(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	AUTO(job_release)
	struct explain_job j = { .inputs = { { .fd = -1 }, { .fd = -1 } } };
	int rc = open_inputs(&j, args, err);

	/* A command needs all that the sandbox takes away. */
	if (!rc && !has_command(&j))
		rc = enter_sandbox(args, ui, err);
	for (size_t i = 0; i < j.count && !rc; i++)
		rc = read_input(&j, &j.inputs[i], args, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < j.count; i++)
		note_doubts(&j.inputs[i].log, ui);
	if (cmd_args_flag(args, "json"))
		print_json(&j);
	else if (j.count == 2)
		explain_report_compare(&j.inputs[0].log, &j.inputs[1].log);
	else
		explain_report_print(&j.inputs[0].log, cmd_args_flag(args, "all"));
	if (j.failed)
		*err = j.why;
	return j.failed;
}

static const struct cmd_option options[] = {
	{ .name = "compare", .help = "put two logs side by side" },
	{ .name = "save",
	  .value = "FILE",
	  .help = "keep the log of COMMAND, with the time of each line",
	  .kind = CMD_VALUE_FILE },
	{ .name = "all", .help = "list every build, not only the longest" },
	{ 0 },
};
static const struct cmd_option_group group = { "Options", options };

const struct command cmd_explain = {
	.name = "explain",
	.args = "[LOG|-] [-- COMMAND...]",
	.summary = "show what a build copied and compiled, and how long it took",
	.text = "Reads the log of a Nix build, or runs COMMAND and reads what it writes "
		"on standard error, which is passed through. Shows what was copied from "
		"which cache, what was built and why, which downloads failed, and where "
		"the time went. Examples:\n"
		"\n"
		"  nixferry explain -- nix build --log-format internal-json .#hello\n"
		"  nixferry explain --save before.log -- nixos-rebuild switch --log-format internal-json\n"
		"  nixferry explain --compare before.log after.log\n"
		"\n"
		"Each moment counts once: as building if any build ran; else as copying, "
		"asking caches, failed downloads, or other work. A prefetch saves the "
		"time in which only copies ran.\n"
		"\n"
		"Nix's log has no times, so they are known only for a COMMAND and for "
		"what --save kept of one. Plain lines do not say when anything ends or "
		"how large it is. With --json, what COMMAND prints goes to standard "
		"error. If COMMAND fails, the exit status is 1.",
	.groups = (const struct cmd_option_group *const[]){ &group, &options_sandbox,
							    &options_common, NULL },
	.min_args = 0,
	.max_args = SIZE_MAX,
	.kind = CMD_VALUE_FILE,
	.run = run_explain,
};
