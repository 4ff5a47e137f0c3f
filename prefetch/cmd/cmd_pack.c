#include "cmd/network_commands.h"

#include <nixferry/pack.h>
#include <stdio.h>

#include "base/plural.h"
#include "cmd/have.h"
#include "cmd/human.h"
#include "cmd/json.h"
#include "cmd/key_report.h"
#include "cmd/not_in.h"
#include "cmd/options.h"
#include "cmd/preflight.h"
#include "cmd/requested.h"
#include "cmd/sandbox_options.h"
#include "cmd/say.h"
#include "cmd/store_options.h"
#include "cmd/ui.h"
#include "pool/pack_output.h"

static int check_output(const char *output, bool json, struct nf_err *err)
{
	if (!output)
		return err_set(err, NF_E_USAGE,
			       "missing --output BUNDLE: the file to write");
	return preflight_output(output, json, false, err);
}

static void report_packed(struct ui *ui, const struct nf_pack_result *r,
			  const char *output, bool json)
{
	AUTO(json_doc_freep) struct json_doc *doc = json_doc_new();
	const char *paths = plural(r->paths, "path", "paths");
	char nar[HUMAN_MAX], bundle[HUMAN_MAX];
	AUTO_BUF struct buf keys = { 0 };

	human_size(nar, r->nar_bytes);
	human_size(bundle, r->bundle_bytes);
	if (json) {
		json_add_str(doc, "bundle", output);
		json_add_number(doc, "paths", r->paths);
		json_add_number(doc, "requiredPaths", r->required);
		json_add_number(doc, "patches", r->patches);
		json_add_number(doc, "narSize", r->nar_bytes);
		json_add_number(doc, "bundleSize", r->bundle_bytes);
		key_report_add_json(doc, r->own_key, &r->needs, NULL);
		json_print(doc, stdout);
		return;
	}
	buf_init(&keys, KEY_REPORT_MAX);
	key_report_add_text(&keys, r->own_key, &r->needs);
	if (pack_output_is_stdout(output)) {
		ui_note(ui, "packed %zu %s (%s) as %s", r->paths, paths, nar, bundle);
		ui_note_lines(ui, buf_slice(&keys));
	} else {
		say_line("packed %zu %s (%s) as %s: %s", r->paths, paths, nar, bundle,
			 output);
		say_text(buf_slice(&keys));
	}
}

/* The evaluated options and arguments. */
struct packing {
	struct nix_settings settings;
	struct nf_keyring *keys;
	struct nf_secret_key *sign_key;
	struct pool *pool;
	struct local_store *store; /* or NULL */
	struct installables installables;
	struct requested requested;
	struct have *have; /* or NULL */
	struct not_in not_in;
	struct nf_bundle_terms terms;
	const char *output;
	size_t jobs;
	int level;
	bool json;
	bool sign_all;
	bool build_inputs;
};

static void packing_release(struct packing *p)
{
	not_in_release(&p->not_in);
	have_free(p->have);
	requested_release(&p->requested);
	installables_release(&p->installables);
	local_store_free(p->store);
	pool_free(p->pool);
	nf_secret_key_free(p->sign_key);
	nf_keyring_free(p->keys);
	nix_settings_release(&p->settings);
}

static int open_sources(struct packing *p, const struct cmd_args *args, struct ui *ui,
			struct nf_err *err)
{
	int rc = options_open_pool(&p->pool, args, err);

	if (!rc)
		rc = nix_settings_load(&p->settings, err);
	if (!rc)
		rc = options_keyring(&p->keys, args, &p->settings, err);
	if (!rc)
		rc = not_in_read(&p->not_in, args, &p->settings, err);
	if (!rc)
		rc = store_options_open(&p->store, args, ui, err);
	if (!rc)
		options_tell_notes(&p->settings, ui);
	return rc;
}

static int read_options(struct packing *p, const struct cmd_args *args, struct ui *ui,
			struct nf_err *err)
{
	int rc;

	p->output = cmd_args_value(args, "output");
	p->json = cmd_args_flag(args, "json");
	p->sign_all = cmd_args_flag(args, "sign-all");
	p->build_inputs = cmd_args_flag(args, "with-build-inputs");
	rc = check_output(p->output, p->json, err);
	if (!rc && !cmd_args_is_given(args, "not-in"))
		rc = cmd_args_refuse_group(args, &options_connections,
					   "--not-in: without it, pack uses no network",
					   err);
	if (!rc)
		rc = options_job_count(&p->jobs, args, err);
	if (!rc)
		rc = options_level(&p->level, args, err);
	if (!rc)
		rc = options_sign_key(&p->sign_key, args, err);
	if (!rc)
		rc = options_terms(&p->terms, args, err);
	if (!rc)
		rc = have_open(&p->have, args, true, err);
	if (!rc)
		rc = options_installables(&p->installables, args, err);
	return rc ? rc : open_sources(p, args, ui, err);
}

/* There are no caches here: an output is in the pool or the store, or must be built. */
static int find_requested(struct packing *p, struct progress *progress,
			  struct nf_err *err)
{
	const struct fetch_options sources = {
		.pool = p->pool,
		.keys = p->keys,
		.progress = progress,
	};
	const struct requested_options opts = {
		.fetch = &sources,
		.store = p->store,
		.build_inputs = p->build_inputs,
		.always_substitute = p->settings.always_allow_substitutes,
		.offline = true,
	};
	int rc = requested_find(&p->requested, &p->installables, &opts, err);

	return rc ? rc : requested_verdict(&p->requested, err);
}

static int leave_out_cached(struct packing *p, struct progress *progress,
			    struct nf_err *err)
{
	const struct fetch_options sources = {
		.paths = p->requested.paths,
		.path_count = p->requested.count,
		.pool = p->pool,
		.store = p->store,
		.keys = p->keys,
		.have = have_inventory(p->have),
		.jobs = p->jobs,
		.progress = progress,
	};

	return not_in_find(&p->not_in, &p->have, &sources, err);
}

static int load_have(const struct packing *p, struct nf_err *err)
{
	const struct named_sources sources = {
		.keys = p->keys,
		.sign_key = p->sign_key,
		.pool = p->pool,
		.store = p->store,
	};

	return have_load(p->have, &sources, err);
}

static int pack(const struct packing *p, struct ui *ui, struct nf_pack_result *result,
		struct nf_err *err)
{
	struct nf_bundle_terms terms = p->terms;
	struct nf_pack_options opts = {
		.pool_dir = pool_dir(p->pool),
		.roots = p->requested.paths,
		.root_count = p->requested.count,
		.from_store = p->store ? local_store_root(p->store) : NULL,
		.key = p->sign_key,
		.keys = p->keys,
		.sign_all = p->sign_all,
		.terms = &terms,
		.level = p->level,
		.jobs = p->jobs,
		.watch = ui_watch(ui),
	};
	int rc;

	have_set_terms(p->have, &terms);
	if (p->have) {
		opts.bases = have_bases(p->have)->items;
		opts.base_count = have_bases(p->have)->count;
	}
	rc = nf_pack(p->output, &opts, result, err);
	ui_progress_stop(ui);
	return rc;
}

static int enter_sandbox(const struct packing *p, const struct cmd_args *args,
			 struct ui *ui, struct nf_err *err)
{
	AUTO(sandbox_freep) struct sandbox *s = sandbox_new();

	sandbox_grant(s, pool_dir(p->pool), SANDBOX_WRITE);
	if (p->store)
		store_options_grant(s, local_store_root(p->store));
	have_grant(p->have, s);
	not_in_grant(&p->not_in, s);
	preflight_grant_output(s, p->output);
	sandbox_grant_owners(s);
	return sandbox_options_enter(s, args, ui, err);
}

static int run_pack(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	AUTO(packing_release) struct packing p = { 0 };
	struct nf_pack_result result;
	struct progress *progress;
	int rc;

	rc = read_options(&p, args, ui, err);
	if (!rc)
		rc = enter_sandbox(&p, args, ui, err);
	if (rc)
		return rc;
	rc = load_have(&p, err);
	if (rc)
		return rc;
	progress = ui_progress_start(ui);
	rc = find_requested(&p, progress, err);
	if (!rc)
		rc = leave_out_cached(&p, progress, err);
	ui_progress_stop(ui);
	if (!rc)
		rc = pack(&p, ui, &result, err);
	if (rc)
		return rc;
	report_packed(ui, &result, p.output, p.json);
	nf_pack_result_release(&result);
	return 0;
}

static const struct cmd_option options[] = {
	{ .name = "output",
	  .letter = 'o',
	  .value = "BUNDLE",
	  .help = "the file to write; - is standard output",
	  .kind = CMD_VALUE_FILE },
	{ 0 },
};
static const struct cmd_option_group group = { "Options", options };

const struct command cmd_pack = {
	.name = "pack",
	.args = "INSTALLABLE...",
	.summary =
		"pack paths of the pool and the store into a bundle, without a network",
	.text = "Packs the closure of each INSTALLABLE into one signed bundle. "
		"Every path must be in the pool, where prefetch puts it, or in the "
		"live store, from which it is copied into the pool. With --have, the "
		"bundle leaves out what its target has, and requires it: import "
		"checks that it is there. With --delta-from, what is like a path of "
		"the target is carried as a patch of it; the pool or the store must "
		"have that path. With --not-in, the bundle leaves out what a cache has; "
		"only then is the network used. The same paths, keys and options give the "
		"same bytes.\n"
		"\n" OPTIONS_INSTALLABLE_TEXT,
	.groups =
		(const struct cmd_option_group *const[]){
			&group, &requested_group, &options_pack, &have_options,
			&not_in_group, &options_connections, &options_keys,
			&options_stores, &options_from_file, &options_pool, &options_jobs,
			&options_sandbox, &options_common, NULL },
	.min_args = 0,
	.max_args = SIZE_MAX,
	.kind = CMD_VALUE_INSTALLABLE,
	.resumes = true,
	.run = run_pack,
};
