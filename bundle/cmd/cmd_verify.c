#include <nixferry/import.h>
#include <stdio.h>
#include <string.h>

#include "base/plural.h"
#include "cmd/bundle_input.h"
#include "cmd/commands.h"
#include "cmd/human.h"
#include "cmd/json.h"
#include "cmd/key_report.h"
#include "cmd/options.h"
#include "cmd/sandbox_options.h"
#include "cmd/say.h"
#include "cmd/ui.h"
#include "store/import_run.h"

static void print_json(const struct bundle_input *in, const struct nf_import_result *r)
{
	AUTO(json_doc_freep) struct json_doc *doc = json_doc_new();

	json_add_str(doc, "bundle", in->name);
	json_add_str(doc, "signedBy", nf_bundle_signed_by(in->bundle));
	json_add_number(doc, "paths", r->imported);
	json_add_number(doc, "unchecked", r->unchecked);
	json_add_number(doc, "narSize", r->nar_bytes);
	json_add_number(doc, "nodes", r->inodes);
	json_print(doc, stdout);
}

/* A NAR that a stream has once and several paths share is kept in a temporary file. */
static struct sandbox *new_sandbox(const struct cmd_args *args)
{
	struct sandbox *s = sandbox_new();

	if (strcmp(cmd_args_get(args, 0), "-") == 0)
		sandbox_grant(s, import_run_temp_dir(), SANDBOX_REPLACE);
	return s;
}

static int run_verify(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	AUTO(bundle_input_release) struct bundle_input in = BUNDLE_INPUT_INIT;
	AUTO(sandbox_freep) struct sandbox *sandbox = new_sandbox(args);
	AUTO(nf_import_result_release) struct nf_import_result result = { 0 };
	AUTO(nf_key_needs_release) struct nf_key_needs untrusted = { 0 };
	struct nf_import_options opts = { 0 };
	char size[HUMAN_MAX];
	int rc;

	rc = options_job_count(&opts.jobs, args, err);
	if (!rc)
		rc = bundle_input_open(&in, args, ui, sandbox, err);
	if (rc)
		return rc;
	opts.keys = in.keys;
	opts.no_check_sigs = options_no_check_sigs(args, ui, "the bundle's signer");
	opts.ret_untrusted = &untrusted;
	opts.watch = ui_watch(ui);
	rc = nf_verify(in.bundle, &opts, &result, err);
	ui_progress_stop(ui);
	key_report_warn(ui, &untrusted, nf_bundle_signed_by(in.bundle));
	if (!rc)
		key_report_warn_unchecked(ui, result.unchecked);
	if (rc)
		return rc;
	if (cmd_args_flag(args, "json"))
		print_json(&in, &result);
	else
		say_line("good: %zu %s (%s unpacked), signed by %s", result.imported,
			 plural(result.imported, "path", "paths"),
			 human_size(size, result.nar_bytes),
			 nf_bundle_signed_by(in.bundle));
	return 0;
}

const struct command cmd_verify = {
	.name = "verify",
	.args = "BUNDLE|-",
	.summary = "check everything in a bundle and write nothing",
	.text = "Checks everything that import checks, and writes nothing: the "
		"bundle's signature, each block, path info, signature, NAR and "
		"reference, and that the bundle has the complete closure of each "
		"root.",
	.groups = (const struct cmd_option_group *const[]){ &options_trust, &options_jobs,
							    &options_sandbox,
							    &options_common, NULL },
	.min_args = 1,
	.max_args = 1,
	.kind = CMD_VALUE_FILE,
	.run = run_verify,
};
