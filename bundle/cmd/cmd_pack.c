#include <stdio.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/human.h"
#include "cmd/json.h"
#include "cmd/options.h"
#include "cmd/store_options.h"
#include "cmd/ui.h"
#include "pool/pack.h"

static int check_output(const char *output, bool json, struct nf_err *err)
{
	if (!output)
		return err_set(err, NF_E_USAGE,
			       "missing --output BUNDLE: what to write to");
	if (strcmp(output, "-") != 0)
		return 0;
	if (json)
		return err_set(err, NF_E_USAGE,
			       "--json and --output - both want standard output");
	if (isatty(STDOUT_FILENO))
		return err_set(
			err, NF_E_USAGE,
			"standard output is a terminal: redirect it, or give --output "
			"BUNDLE");
	return 0;
}

static void report(struct ui *ui, const struct pack_result *r, const char *output,
		   bool json)
{
	AUTO(json_doc_freep) struct json_doc *doc = json_doc_new();
	char nar[HUMAN_MAX], bundle[HUMAN_MAX];

	human_size(nar, r->nar_bytes);
	human_size(bundle, r->bundle_bytes);
	if (json) {
		json_add_str(doc, "bundle", output);
		json_add_number(doc, "paths", r->paths);
		json_add_number(doc, "narSize", r->nar_bytes);
		json_add_number(doc, "bundleSize", r->bundle_bytes);
		json_print(doc, stdout);
	} else if (strcmp(output, "-") == 0) {
		ui_note(ui, "packed %zu paths (%s) as %s", r->paths, nar, bundle);
	} else {
		printf("packed %zu paths (%s) as %s: %s\n", r->paths, nar, bundle,
		       output);
	}
}

/* Where paths may come from, and whose word counts. */
struct sources {
	struct nix_settings settings;
	struct nf_keyring *keys;
	struct local_store *store;
	struct pack_origin origin;
};

static void sources_release(struct sources *s)
{
	nix_settings_release(&s->settings);
	nf_keyring_free(s->keys);
	local_store_free(s->store);
}

static int open_sources(struct sources *s, struct pack_options *opts,
			const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	int rc;

	rc = nix_settings_load(&s->settings, err);
	if (!rc)
		rc = options_keyring(&s->keys, args, &s->settings, err);
	if (!rc)
		rc = store_options_open(&s->store, args, ui, err);
	if (rc)
		return rc;
	options_tell_notes(&s->settings, ui);
	s->origin = store_options_origin(s->store);
	opts->origin = s->store ? &s->origin : NULL;
	opts->keys = s->keys;
	return 0;
}

static int run_pack(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	AUTO(nf_secret_key_freep) struct nf_secret_key *key = NULL;
	AUTO(sources_release) struct sources sources = { 0 };
	AUTO(pool_freep) struct pool *pool = NULL;
	AUTO_FREE struct nf_storepath *roots = NULL;
	const char *output = cmd_args_value(args, "output");
	bool json = cmd_args_flag(args, "json");
	struct pack_options opts = { 0 };
	struct pack_result result;
	int rc;

	rc = check_output(output, json, err);
	if (!rc)
		rc = options_job_count(&opts.jobs, args, err);
	if (!rc)
		rc = options_level(&opts.level, args, err);
	if (!rc)
		rc = options_sign_key(&key, args, err);
	if (!rc)
		rc = options_target_paths(&roots, &opts.root_count, args, err);
	if (!rc)
		rc = options_open_pool(&pool, args, err);
	if (!rc)
		rc = open_sources(&sources, &opts, args, ui, err);
	if (rc)
		return rc;
	opts.roots = roots;
	opts.key = key;
	opts.progress = ui_progress_start(ui);
	rc = pack_bundle(pool, output, &opts, &result, err);
	ui_progress_stop(ui);
	if (rc)
		return rc;
	report(ui, &result, output, json);
	return 0;
}

static const struct cmd_option options[] = {
	{ "output", 'o', "BUNDLE", "the file to write; - is standard output",
	  CMD_VALUE_FILE, NULL, false },
	{ 0 },
};
static const struct cmd_option_group group = { "Options", options };

const struct command cmd_pack = {
	.name = "pack",
	.args = "TARGET...",
	.summary = "pack what pool and store have into a bundle, without a network",
	.text = "Packs each TARGET with everything that it needs into one signed bundle. "
		"All of it must be in the pool, where prefetch puts it, or in the live "
		"store, "
		"from where it comes into the pool. The same paths, key and level give "
		"the "
		"same bytes.\n"
		"\n" OPTIONS_TARGET_TEXT,
	.groups =
		(const struct cmd_option_group *const[]){
			&group, &options_pack, &options_keys, &options_stores,
			&options_targets, &options_pool, &options_jobs, &options_common,
			NULL },
	.min_args = 0,
	.max_args = SIZE_MAX,
	.kind = CMD_VALUE_FILE,
	.run = run_pack,
};
