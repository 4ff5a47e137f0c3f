#include <nixferry/import.h>
#include <stdio.h>

#include "cmd/bundle_input.h"
#include "cmd/commands.h"
#include "cmd/import_command.h"
#include "cmd/import_report.h"
#include "cmd/json.h"
#include "cmd/key_report.h"
#include "cmd/nix_conf_options.h"
#include "cmd/options.h"
#include "cmd/sandbox_options.h"
#include "cmd/say.h"
#include "cmd/target_options.h"
#include "cmd/ui.h"

static int read_options(struct target_options *target, struct nf_import_options *opts,
			const struct cmd_args *args, struct nf_err *err)
{
	int rc = target_options_read(target, args, err);

	if (!rc && !target->root)
		rc = err_set(err, NF_E_USAGE,
			     "missing --store ROOT: the store to import into");
	opts->store_root = target->root;
	opts->profile = target->profile;
	opts->gc_root = target->gc_root;
	opts->repair = target->repair;
	return rc ? rc : options_job_count(&opts->jobs, args, err);
}

static void report_json(const struct import_report *r,
			const struct nix_conf_options *conf)
{
	AUTO(json_doc_freep) struct json_doc *doc = json_doc_new();

	import_report_add_json(r, doc);
	nix_conf_options_add_json(conf, doc);
	json_print(doc, stdout);
}

static void report_text(const struct import_report *r,
			const struct nix_conf_options *conf, struct ui *ui)
{
	AUTO_BUF struct buf text = { 0 };

	buf_init(&text, IMPORT_REPORT_MAX);
	import_report_add_text(r, &text);
	if (nix_conf_options_take_stdout(conf))
		ui_note_lines(ui, buf_slice(&text));
	else
		say_text(buf_slice(&text));
	nix_conf_options_print(conf);
}

static void report(const struct import_report *r, const struct nix_conf_options *conf,
		   const struct cmd_args *args, struct ui *ui)
{
	if (cmd_args_flag(args, "json"))
		report_json(r, conf);
	else
		report_text(r, conf, ui);
}

/* What the sandbox would forbid. */
static int prepare_target(const struct target_options *target,
			  struct nix_conf_options *conf, struct sandbox *sandbox,
			  struct nf_err *err)
{
	int rc = target_options_make_writable(target, err);

	if (!rc && nix_conf_options_any(conf))
		rc = nix_conf_options_load(conf, err);
	if (!rc)
		rc = nix_conf_options_open(conf, target->root, sandbox, err);
	if (!rc)
		target_options_grant(sandbox, target->root);
	return rc;
}

static int check_profile(const struct target_options *target, const struct nf_bundle *b,
			 struct nf_err *err)
{
	size_t roots = nf_bundle_root_count(b);

	if (!target->profile || roots == 1)
		return 0;
	return err_set(
		err, NF_E_USAGE,
		"option '--profile' needs a bundle with one root, but this one has %zu",
		roots);
}

int import_command_run(const struct cmd_args *args, struct ui *ui,
		       const struct import_command_rest *rest, struct nf_err *err)
{
	AUTO(bundle_input_release) struct bundle_input in = BUNDLE_INPUT_INIT;
	AUTO(sandbox_freep) struct sandbox *sandbox = sandbox_new();
	AUTO(nf_import_result_release) struct nf_import_result result = { 0 };
	struct import_report rep = { .result = &result };
	AUTO(nf_key_needs_release) struct nf_key_needs untrusted = { 0 };
	AUTO(nix_conf_options_release)
	struct nix_conf_options conf = NIX_CONF_OPTIONS_INIT;
	struct target_options target = { 0 };
	struct nf_import_options opts = { 0 };
	int rc;

	rc = read_options(&target, &opts, args, err);
	if (!rc)
		rc = nix_conf_options_read(&conf, args, &target, err);
	if (!rc)
		rc = prepare_target(&target, &conf, sandbox, err);
	if (!rc && rest)
		rc = rest->prepare(rest->ctx, &target, sandbox, err);
	if (!rc)
		rc = bundle_input_open(&in, args, ui, sandbox, err);
	if (!rc)
		rc = check_profile(&target, in.bundle, err);
	if (rc)
		return rc;
	opts.keys = in.keys;
	opts.optimise = target_options_optimise(&target, &in.settings);
	opts.no_check_sigs = options_no_check_sigs(args, ui, "the bundle's signer");
	opts.ret_untrusted = &untrusted;
	opts.allow_older = cmd_args_flag(args, "allow-older");
	if (rest)
		rc = rest->fetch(rest->ctx, in.bundle, in.keys, err);
	opts.watch = ui_watch(ui);
	if (!rc)
		rc = nf_import(in.bundle, &opts, &result, err);
	ui_progress_stop(ui);
	key_report_warn(ui, &untrusted, nf_bundle_signed_by(in.bundle));
	if (rc)
		return rc;
	key_report_warn_unchecked(ui, result.unchecked);
	target_conf_add_keys(&conf.conf, in.keys);
	rc = nix_conf_options_write(&conf, target.root, ui, err);
	rep.root = target.root;
	if (nf_bundle_root_count(in.bundle) == 1)
		rep.toplevel = nf_bundle_root(in.bundle, 0);
	report(&rep, &conf, args, ui);
	return rc;
}

static const struct cmd_option older[] = {
	{ .name = "allow-older",
	  .help = "also import a bundle that has expired, or an older one of a series" },
	{ 0 },
};
const struct cmd_option_group import_command_series = { "Series", older };

static int run_import(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	return import_command_run(args, ui, NULL, err);
}

const struct command cmd_import = {
	.name = "import",
	.args = "BUNDLE|-",
	.summary = "verify a bundle and unpack it into a target store",
	.text = IMPORT_COMMAND_TEXT,
	.groups = (const struct cmd_option_group *const[]){ IMPORT_COMMAND_GROUPS, NULL },
	.min_args = 1,
	.max_args = 1,
	.kind = CMD_VALUE_FILE,
	.resumes = true,
	.run = run_import,
};
