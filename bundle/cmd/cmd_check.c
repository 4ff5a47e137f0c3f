#include <stdlib.h>

#include "base/mem.h"
#include "cmd/check_report.h"
#include "cmd/commands.h"
#include "cmd/options.h"
#include "cmd/sandbox_options.h"
#include "cmd/store_options.h"
#include "cmd/ui.h"

static int read_paths(struct installables *ret, const struct cmd_args *args,
		      struct nf_err *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < cmd_args_count(args); i++)
		rc = installables_add(ret, nf_slice_str(cmd_args_get(args, i)), err);
	installables_sort(ret);
	return rc;
}

static int check(struct store_check_result *ret, const char *root,
		 const struct installables *wanted, struct store_check_options *opts,
		 struct nf_err *err)
{
	AUTO_FREE struct nf_storepath *paths = mem_calloc(wanted->count, sizeof(*paths));

	for (size_t i = 0; i < wanted->count; i++)
		paths[i] = wanted->items[i].path;
	opts->paths = wanted->count ? paths : NULL;
	opts->count = wanted->count;
	return store_check(ret, root, opts, err);
}

/* The database, and what it says, may come from another machine. */
static int enter_sandbox(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	AUTO(sandbox_freep) struct sandbox *s = sandbox_new();

	sandbox_grant_owners(s);
	store_options_grant(s, cmd_args_value(args, "store"));
	return sandbox_options_enter(s, args, ui, err);
}

static int run_check(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	AUTO(installables_release) struct installables wanted = INSTALLABLES_INIT;
	AUTO(store_check_release) struct store_check_result result = { 0 };
	struct store_check_options opts = { 0 };
	struct check_report report = { &result, cmd_args_value(args, "store"),
				       ui_is_verbose(ui) };
	int rc;

	if (!report.root)
		return err_set(err, NF_E_USAGE,
			       "missing --store ROOT: the store to check");
	rc = options_job_count(&opts.jobs, args, err);
	if (!rc)
		rc = read_paths(&wanted, args, err);
	if (!rc)
		rc = enter_sandbox(args, ui, err);
	if (rc)
		return rc;
	opts.progress = ui_progress_start(ui);
	rc = check(&result, report.root, &wanted, &opts, err);
	ui_progress_stop(ui);
	if (rc)
		return rc;
	if (cmd_args_flag(args, "json"))
		check_report_json(&report);
	else
		check_report_text(&report);
	return check_report_verdict(&report, err);
}

const struct command cmd_check = {
	.name = "check",
	.args = "[PATH...]",
	.summary = "compare the contents of a store with its database",
	.text = "Reads every valid path of the store below ROOT, or only the paths "
		"PATH..., on all processors, and compares it with the store's "
		"database. It writes nothing and takes no lock, so Nix may use the "
		"store. Each finding is one line with the path, the fault and "
		"its cause. The faults are:\n"
		"\n"
		"  missing     the path is valid, but not on the disk; or PATH is not valid\n"
		"  corrupt     the contents do not have the hash that the database records\n"
		"  unreadable  this user may not read the path\n"
		"  metadata    a file has a mode, time or owner that Nix does not set\n"
		"  database    the database has a text that Nix may not be able to read, or a\n"
		"              reference to a path that does not exist\n"
		"  link        an entry of /nix/store/.links, through which files are shared, has\n"
		"              other contents than its name says; without PATH... only\n"
		"\n"
		"'import --repair' restores such paths from a bundle. Entries of the "
		"store that are not in its database are counted; --verbose names "
		"them. The exit status is 5 if something is damaged, 3 if paths are "
		"only missing.",
	.groups = (const struct cmd_option_group *const[]){ &options_store, &options_jobs,
							    &options_sandbox,
							    &options_common, NULL },
	.min_args = 0,
	.max_args = SIZE_MAX,
	.kind = CMD_VALUE_STORE_PATH,
	.run = run_check,
};
