#include <nixferry/import.h>
#include <stdio.h>
#include <string.h>

#include "base/plural.h"
#include "cmd/bundle_input.h"
#include "cmd/commands.h"
#include "cmd/have.h"
#include "cmd/human.h"
#include "cmd/json.h"
#include "cmd/key_report.h"
#include "cmd/options.h"
#include "cmd/sandbox_options.h"
#include "cmd/say.h"
#include "cmd/ui.h"
#include "store/import_run.h"

static void print_text(const struct bundle_input *in, const struct nf_import_result *r,
		       bool has_checked)
{
	size_t required = nf_bundle_terms(in->bundle)->required_count;
	char size[HUMAN_MAX];

	say_line("good: %zu %s (%s unpacked), signed by %s", r->imported,
		 plural(r->imported, "path", "paths"), human_size(size, r->nar_bytes),
		 nf_bundle_signed_by(in->bundle));
	if (r->unapplied)
		say_line("%zu more %s: --have ROOT compares them with what they make",
			 r->unapplied,
			 plural(r->unapplied, "path is a patch", "paths are patches"));
	if (required)
		say_line("%zu more %s: %s", required,
			 plural(required, "path is required", "paths are required"),
			 has_checked ? "all are there"
				     : "--have WHAT checks whether a target has them");
}

static void print_json(const struct bundle_input *in, const struct nf_import_result *r)
{
	AUTO(json_doc_freep) struct json_doc *doc = json_doc_new();

	json_add_str(doc, "bundle", in->name);
	json_add_str(doc, "signedBy", nf_bundle_signed_by(in->bundle));
	json_add_number(doc, "paths", r->imported);
	json_add_number(doc, "unchecked", r->unchecked);
	json_add_number(doc, "unappliedPatches", r->unapplied);
	json_add_number(doc, "narSize", r->nar_bytes);
	json_add_number(doc, "nodes", r->inodes);
	json_add_number(doc, "requiredPaths",
			nf_bundle_terms(in->bundle)->required_count);
	json_print(doc, stdout);
}

/* Everything that the bundle requires must be in what --have names. */
static int check_required(const struct nf_bundle *b, const struct inventory *have,
			  struct ui *ui, struct nf_err *err)
{
	const struct nf_bundle_terms *t = nf_bundle_terms(b);
	const char *first = NULL;
	size_t lacking = 0;

	for (size_t i = 0; i < t->required_count; i++) {
		const struct nf_bundle_required *r = &t->required[i], *had;

		had = inventory_find(have, nf_storepath_base(&r->path));
		if (had && nf_hash_eq(&had->nar_hash, &r->nar_hash))
			continue;
		ui_note(ui, "required path '" NF_STORE_DIR "/%s' is %s", r->path.base,
			had ? "there with different content" : "not there");
		first = first ? first : r->path.base;
		lacking++;
	}
	if (!first)
		return 0;
	return err_set(err, NF_E_MISSING,
		       "%zu of %zu %s that the bundle requires %s missing, first '%s'",
		       lacking, t->required_count,
		       plural(t->required_count, "path", "paths"),
		       plural(lacking, "is", "are"), first);
}

static int check_have(struct have *have, const struct bundle_input *in, struct ui *ui,
		      struct nf_err *err)
{
	const struct named_sources sources = { .keys = in->keys };
	int rc;

	if (!have)
		return 0;
	rc = have_load(have, &sources, err);
	return rc ? rc : check_required(in->bundle, have_inventory(have), ui, err);
}

/* A NAR that a stream has once and several paths share is kept in a temporary file. */
static struct sandbox *new_sandbox(const struct cmd_args *args, const struct have *have)
{
	struct sandbox *s = sandbox_new();

	have_grant(have, s);
	if (strcmp(cmd_args_get(args, 0), "-") == 0)
		sandbox_grant(s, import_run_temp_dir(), SANDBOX_REPLACE);
	return s;
}

static int run_verify(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	AUTO(bundle_input_release) struct bundle_input in = BUNDLE_INPUT_INIT;
	AUTO(sandbox_freep) struct sandbox *sandbox = NULL;
	AUTO(have_freep) struct have *have = NULL;
	AUTO(nf_import_result_release) struct nf_import_result result = { 0 };
	AUTO(nf_key_needs_release) struct nf_key_needs untrusted = { 0 };
	struct nf_import_options opts = { 0 };
	int rc;

	rc = options_job_count(&opts.jobs, args, err);
	if (!rc)
		rc = have_open(&have, args, false, err);
	if (rc)
		return rc;
	sandbox = new_sandbox(args, have);
	rc = bundle_input_open(&in, args, ui, sandbox, err);
	if (rc)
		return rc;
	opts.keys = in.keys;
	opts.patch_root = have_store_root(have);
	opts.no_check_sigs = options_no_check_sigs(args, ui, "the bundle's signer");
	opts.ret_untrusted = &untrusted;
	rc = check_have(have, &in, ui, err);
	if (rc)
		return rc;
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
		print_text(&in, &result, have != NULL);
	return 0;
}

const struct command cmd_verify = {
	.name = "verify",
	.args = "BUNDLE|-",
	.summary = "check everything in a bundle and write nothing",
	.text = "Checks what import checks of a bundle, and writes nothing: the "
		"bundle's signature, each block, path info, signature, NAR and "
		"reference, and that the bundle has the complete closure of each "
		"root, except for what it requires of its target. A bundle that has "
		"expired is refused. With --have, also checks that WHAT has all that "
		"the bundle requires. Only import knows which bundle of a series the "
		"target had last.",
	.groups =
		(const struct cmd_option_group *const[]){
			&options_trust, &have_verify_options, &options_jobs,
			&options_sandbox, &options_common, NULL },
	.min_args = 1,
	.max_args = 1,
	.kind = CMD_VALUE_FILE,
	.run = run_verify,
};
