#include <nixferry/import.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/bundle_input.h"
#include "cmd/commands.h"
#include "cmd/human.h"
#include "cmd/json.h"
#include "cmd/options.h"
#include "cmd/ui.h"

#define NEXT_MAX 8192

/* The command that installs from what was imported. */
static void add_next(struct buf *out, const char *root,
		     const struct nf_storepath *toplevel)
{
	char path[NF_STOREPATH_TEXT_MAX];

	buf_init(out, NEXT_MAX);
	buf_add_str(out, "nixos-install --root ");
	human_shell_word(out, root);
	buf_addf(out, " --system %s --no-channel-copy --substituters \"\"",
		 nf_storepath_format(path, toplevel));
}

static void print_json(const struct nf_import_result *r, const struct buf *next)
{
	AUTO(json_doc_freep) struct json_doc *doc = json_doc_new();

	json_add_number(doc, "imported", r->imported);
	json_add_number(doc, "present", r->present);
	json_add_number(doc, "signaturesAdded", r->sigs_added);
	json_add_number(doc, "narSize", r->nar_bytes);
	json_add_number(doc, "nodes", r->nodes);
	if (r->profile_link)
		json_add_str(doc, "profile", r->profile_link);
	if (next->len)
		json_add_slice(doc, "next", buf_slice(next));
	json_print(doc, stdout);
}

static void print_human(const struct nf_import_result *r, const struct buf *next)
{
	char size[HUMAN_MAX];

	printf("imported %zu paths (%s), %zu were there already\n", r->imported,
	       human_size(size, r->nar_bytes), r->present);
	if (r->sigs_added)
		printf("added signatures to %zu of them\n", r->sigs_added);
	if (r->profile_link)
		printf("profile: %s\n", r->profile_link);
	if (next->len)
		printf("\nto install from it, without a network:\n\n  %s\n", next->ptr);
}

/* The live store is in use, which nf_import does not provide for. */
static int check_root(const char *root, struct nf_err *err)
{
	struct stat given, live;

	if (stat(root, &given) != 0)
		return err_sys(err, "store root '%s'", root);
	if (!S_ISDIR(given.st_mode))
		return err_set(err, NF_E_USAGE, "store root '%s' is no directory", root);
	if (stat("/", &live) != 0)
		return err_sys(err, "stat '/'");
	if (given.st_dev == live.st_dev && given.st_ino == live.st_ino)
		return err_set(
			err, NF_E_USAGE,
			"store root '%s' is the live system, which cannot be imported "
			"into: give the root of another one, such as /mnt",
			root);
	return 0;
}

static int check_options(struct nf_import_options *opts, const struct cmd_args *args,
			 struct nf_err *err)
{
	opts->store_root = cmd_args_value(args, "store");
	opts->profile = cmd_args_value(args, "profile");
	if (!opts->store_root)
		return err_set(err, NF_E_USAGE,
			       "missing --store ROOT: where to import to");
	if (opts->profile && strchr(opts->profile, '/'))
		return err_set(err, NF_E_USAGE, "option '--profile': '%s' is no name",
			       opts->profile);
	return options_job_count(&opts->jobs, args, err);
}

static int run_import(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	AUTO(bundle_input_release) struct bundle_input in = BUNDLE_INPUT_INIT;
	AUTO(nf_import_result_release) struct nf_import_result result = { 0 };
	struct nf_import_options opts = { 0 };
	AUTO_BUF struct buf next = { 0 };
	size_t roots;
	int rc;

	rc = check_options(&opts, args, err);
	if (!rc)
		rc = check_root(opts.store_root, err);
	if (!rc)
		rc = bundle_input_open(&in, args, ui, err);
	if (rc)
		return rc;
	roots = nf_bundle_root_count(in.bundle);
	if (opts.profile && roots != 1)
		return err_set(
			err, NF_E_USAGE,
			"option '--profile' needs a bundle of one system, this one has "
			"%zu roots",
			roots);
	opts.keys = in.keys;
	opts.progress = ui_progress_start(ui);
	rc = nf_import(in.bundle, &opts, &result, err);
	ui_progress_stop(ui);
	if (rc)
		return rc;
	if (roots == 1)
		add_next(&next, opts.store_root, nf_bundle_root(in.bundle, 0));
	if (cmd_args_flag(args, "json"))
		print_json(&result, &next);
	else
		print_human(&result, &next);
	return 0;
}

static const struct cmd_option options[] = {
	{ "store", 0, "ROOT", "import into the store below this directory, such as /mnt",
	  CMD_VALUE_DIR, NULL, false },
	{ "profile", 0, "NAME",
	  "make the bundle's root the current generation of this profile, such as system",
	  0, NULL, false },
	{ 0 },
};
static const struct cmd_option_group group = { "Options", options };

const struct command cmd_import = {
	.name = "import",
	.args = "BUNDLE|-",
	.summary = "verify a bundle and unpack it into a target store",
	.text = "Verifies BUNDLE, unpacks it into the store below a root directory and "
		"registers "
		"its paths there. '-' reads the bundle from standard input, as it "
		"comes.\n"
		"\n"
		"Nothing is written unless the bundle is signed by a trusted key, each "
		"path by "
		"that key or another trusted one, and every reference is in the bundle "
		"or in the "
		"target. Each byte is verified before it is used. If it is interrupted, "
		"the "
		"target stays valid and the same command goes on.\n"
		"\n"
		"The target must not be in use by Nix: a system that is being installed, "
		"or an "
		"image. Example:\n"
		"\n"
		"  nixferry import system.nixferry --store /mnt --profile system \\\n"
		"      --trusted-public-key example-1:BASE64",
	.groups = (const struct cmd_option_group *const[]){ &group, &options_keys,
							    &options_jobs,
							    &options_common, NULL },
	.min_args = 1,
	.max_args = 1,
	.kind = CMD_VALUE_FILE,
	.run = run_import,
};
