#include "cmd/network_commands.h"

#include <nixferry/import.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cache_options.h"
#include "cmd/commands.h"
#include "cmd/fetched_bundle.h"
#include "cmd/have.h"
#include "cmd/network_sandbox.h"
#include "cmd/nix_conf_options.h"
#include "cmd/options.h"
#include "cmd/prefetch_report.h"
#include "cmd/preflight.h"
#include "cmd/requested.h"
#include "cmd/run_report.h"
#include "cmd/run_summary.h"
#include "cmd/sandbox_options.h"
#include "cmd/store_options.h"
#include "cmd/target_options.h"
#include "cmd/transfer_options.h"
#include "cmd/ui.h"
#include "fetch/fetch.h"
#include "fetch/fetch_target.h"
#include "pool/pack.h"
#include "pool/pack_output.h"
#include "store/import_target.h"

static void prefetch_release(struct prefetch *p)
{
	nix_conf_options_release(&p->conf);
	fetched_bundle_release(&p->bundle);
	not_in_release(&p->not_in);
	have_free(p->have);
	requested_release(&p->requested);
	installables_release(&p->installables);
	cache_setup_release(&p->caches);
	nf_import_result_release(&p->imported);
	fetch_target_release(&p->store_to_fill);
	nf_secret_key_free(p->sign_key);
	pool_free(p->pool);
	local_store_free(p->store);
}

/* Reject options that would have no effect: a user who gives a key wants a bundle. */
static int check_options(const struct prefetch *p, const struct cmd_args *args,
			 struct nf_err *err)
{
	if (!p->output && cmd_args_is_given(args, "sign-key"))
		return err_set(
			err, NF_E_USAGE,
			"option '--sign-key' needs --output BUNDLE: it signs a bundle");
	if (!p->output && p->target.root && !import_target_is_daemon(p->target.root) &&
	    cmd_args_is_given(args, "compress"))
		return err_set(
			err, NF_E_USAGE,
			"option '--compress' is for the pool and bundles: with --store alone nothing is compressed");
	if (p->output && pack_output_is_stdout(p->output) &&
	    nix_conf_options_take_stdout(&p->conf))
		return err_set(
			err, NF_E_USAGE,
			"options '--print-nix-conf' and '--print-nix-module' cannot be combined with --output -: both print on standard output");
	if (!p->output && (p->terms.series || p->terms.expires))
		return err_set(
			err, NF_E_USAGE,
			"options '--series' and '--expires' need --output BUNDLE: they are of a bundle");
	if (!p->output && cmd_args_is_given(args, "not-in"))
		return err_set(
			err, NF_E_USAGE,
			"option '--not-in' needs --output BUNDLE: the bundle leaves out what the cache has");
	if ((p->have || cmd_args_is_given(args, "not-in")) && p->target.root)
		return err_set(
			err, NF_E_USAGE,
			"options '--have' or '--not-in' and '--store' exclude each other: the target store is asked what it has");
	return 0;
}

static int read_terms(struct prefetch *p, const struct cmd_args *args, struct nf_err *err)
{
	int rc = options_terms(&p->terms, args, err);

	return rc ? rc : have_open(&p->have, args, true, err);
}

static int read_caches(struct prefetch *p, const struct cmd_args *args, struct ui *ui,
		       struct nf_err *err)
{
	int rc = cache_setup_read(&p->caches, &p->fetch, args, ui, err);

	if (!rc)
		rc = not_in_read(&p->not_in, args, &p->caches.settings, err);
	if (!rc && options_no_check_sigs(
			   args, ui, "everybody who controls a cache, or the way to it,"))
		substituter_list_trust(&p->caches.substituters);
	return rc;
}

/* Reads nix.conf and the options that override it. */
static int read_options(struct prefetch *p, const struct cmd_args *args, struct ui *ui,
			struct nf_err *err)
{
	struct fetch_options *f = &p->fetch;
	int rc;

	p->output = p->bundle.output = cmd_args_value(args, "output");
	p->json = cmd_args_flag(args, "json");
	p->sign_all = cmd_args_flag(args, "sign-all");
	p->build_inputs = cmd_args_flag(args, "with-build-inputs");
	f->keep_going = cmd_args_flag(args, "keep-going");
	f->dry_run = cmd_args_flag(args, "dry-run");
	rc = p->output ? preflight_output(p->output, p->json, f->dry_run, err) : 0;
	if (!rc)
		rc = transfer_options_read(f, args, err);
	if (!rc)
		rc = target_options_read(&p->target, args, err);
	if (!rc)
		rc = nix_conf_options_read(&p->conf, args, &p->target, err);
	if (!rc)
		rc = read_terms(p, args, err);
	if (!rc)
		rc = check_options(p, args, err);
	if (!rc && !f->dry_run)
		rc = target_options_make_writable(&p->target, err);
	if (!rc)
		rc = options_job_count(&f->jobs, args, err);
	if (!rc)
		rc = options_level(&f->level, args, err);
	if (!rc)
		rc = read_caches(p, args, ui, err);
	if (!rc && p->output)
		rc = options_sign_key(&p->sign_key, args, err);
	if (!rc)
		rc = options_installables(&p->installables, args, err);
	if (!rc)
		nix_conf_options_add_installables(&p->conf, &p->installables);
	if (!rc)
		rc = f->dry_run ? options_open_pool_read(&p->pool, args, err)
				: options_open_pool(&p->pool, args, err);
	if (!rc && !f->dry_run)
		rc = pool_check_writable(p->pool, err);
	if (!rc)
		rc = store_options_open(&p->store, args, ui, err);
	f->pool = p->pool;
	return rc;
}

/* From here on what caches answer is parsed. */
static int enter_sandbox(struct prefetch *p, const struct cmd_args *args, struct ui *ui,
			 struct nf_err *err)
{
	AUTO(sandbox_freep)
	struct sandbox *s = network_sandbox_new(
		&p->fetch, p->fetch.dry_run ? SANDBOX_READ : SANDBOX_WRITE, p->store);

	if (p->target.root)
		target_options_grant(s, p->target.root);
	if (!p->fetch.dry_run) {
		int rc = nix_conf_options_open(&p->conf, p->target.root, s, err);

		if (rc)
			return rc;
		preflight_grant_output(s, p->output);
	}
	have_grant(p->have, s);
	not_in_grant(&p->not_in, s);
	return sandbox_options_enter(s, args, ui, err);
}

/* Report a problem with the target store before fetching anything. A bundle is packed
 * from the pool: with --output everything goes there first, whatever the target store
 * has. */
static int open_target(struct prefetch *p, struct nf_err *err)
{
	struct fetch_target *t = &p->store_to_fill;
	const struct fetch_target_options opts = {
		.root = p->target.root,
		.read_only = p->fetch.dry_run,
		.repair = p->target.repair,
		.optimise = target_options_optimise(&p->target, &p->caches.settings),
		.jobs = p->fetch.jobs,
		.progress = p->fetch.progress,
	};
	int rc = fetch_target_open(t, &opts, err);

	if (!p->output) {
		p->fetch.intake = t->intake;
		p->fetch.daemon = t->daemon;
	} else if (!rc && t->intake) {
		intake_allow_gc(t->intake);
	}
	return rc;
}

static int check_profile(const struct prefetch *p, struct nf_err *err)
{
	if (!p->target.profile || p->requested.count == 1)
		return 0;
	return err_set(
		err, NF_E_USAGE,
		"option '--profile' needs one installable, but these are %zu paths",
		p->requested.count);
}

/* Outputs that are valid in the live store count as present; it is then one of the
 * sources. */
static int find_requested(struct prefetch *p, struct nf_err *err)
{
	const struct requested_options opts = {
		.fetch = &p->fetch,
		.store = p->store,
		.build_inputs = p->build_inputs,
		.always_substitute = p->caches.settings.always_allow_substitutes,
		.no_substituter = cache_setup_no_substituter(&p->caches),
	};
	int rc = requested_find(&p->requested, &p->installables, &opts, err);

	p->fetch.store = p->store;
	p->fetch.paths = p->requested.paths;
	p->fetch.path_count = p->requested.count;
	p->fetch.answers = p->requested.answers;
	if (!rc && p->requested.unknown && !p->fetch.keep_going)
		rc = requested_verdict(&p->requested, err);
	return rc ? rc : check_profile(p, err);
}

/* Paths for a target store are verified on the way into it. */
static void look_ahead(struct prefetch *p)
{
	bool keeps_going = p->output && p->fetch.keep_going;

	if (p->fetch.intake || (p->fetch.dry_run && !keeps_going))
		return;
	p->preflight = (struct preflight){
		.pool = p->pool,
		.bundle = &p->bundle,
		.store = p->store_to_fill.intake,
		.fills_nothing = p->fetch.dry_run,
		.keeps_going = keeps_going,
		.progress = p->fetch.progress,
	};
	p->fetch.check_sizes = preflight_sizes;
	p->fetch.check_ctx = &p->preflight;
	p->fetch.check_first = preflight_comes_first(&p->preflight);
	if (keeps_going)
		fetched_bundle_warn(&p->bundle, p->fetch.progress,
				    p->requested.rc ? p->requested.err.text : NULL);
}

static int load_have(struct prefetch *p, struct nf_err *err)
{
	const struct named_sources sources = {
		.keys = p->fetch.keys,
		.sign_key = p->sign_key,
		.pool = p->pool,
		.store = p->store,
	};

	p->fetch.have = have_inventory(p->have);
	return have_load(p->have, &sources, err);
}

/* What was asked for the closure is not asked again. */
static int leave_out_cached(struct prefetch *p, struct nf_err *err)
{
	int rc;

	if (!p->fetch.answers && p->not_in.caches.count)
		p->fetch.answers = p->requested.answers =
			answers_new(p->fetch.substituter_count);
	rc = not_in_find(&p->not_in, &p->have, &p->fetch, err);
	p->fetch.have = have_inventory(p->have);
	return rc;
}

static int fetch(struct prefetch *p, struct fetch_result *result, struct nf_err *err)
{
	int rc = load_have(p, err);

	if (!rc)
		rc = find_requested(p, err);
	if (!rc)
		rc = leave_out_cached(p, err);
	*result = (struct fetch_result){ 0 };
	if (rc)
		return rc;
	look_ahead(p);
	rc = fetch_closure(&p->fetch, result, err);
	return rc ? rc : requested_verdict(&p->requested, err);
}

/* The more severe of the fetch's failure and a later one is the command's. */
static int graver(int rc, int later, const struct nf_err *why, struct nf_err *err)
{
	if (err_gravity(later) <= err_gravity(rc))
		return rc;
	if (err)
		*err = *why;
	return later;
}

/* RC is the result of the fetch. */
static int write_bundle(struct prefetch *p, const struct fetch_result *fetched, int rc,
			struct nf_err *err)
{
	struct nf_bundle_terms terms = p->terms;
	const struct pack_options opts = {
		.terms = &terms,
		.roots = p->requested.paths,
		.root_count = p->requested.count,
		.key = p->sign_key,
		.keys = p->fetch.keys,
		.sign_all = p->sign_all,
		.bases = have_bases(p->have),
		.level = p->fetch.level,
		.jobs = p->fetch.jobs,
		.progress = p->fetch.progress,
	};
	struct nf_err why;
	int later;

	have_set_terms(p->have, &terms);
	if (!rc)
		return fetched_bundle_write(&p->bundle, p->pool, &opts, err);
	if (!p->fetch.keep_going || !fetched_bundle_may_be_partial(rc))
		return rc;
	later = fetched_bundle_write_complete(&p->bundle, p->pool, &opts, fetched, &why);
	return graver(rc, later, &why, err);
}

/* With --output, paths that are in the pool are imported into the target store next. */
static int import_from_pool(struct prefetch *p, struct fetch_result *fetched,
			    struct nf_err *err)
{
	struct fetch_options opts = p->fetch;
	struct fetch_result result;
	int rc;

	opts.intake = p->store_to_fill.intake;
	opts.check_sizes = NULL;
	opts.retry_for_ms = 0; /* fetching, and waiting for caches, is over */
	rc = fetch_closure(&opts, &result, err);
	p->imported.present = result.present;
	if (rc) {
		fetch_result_release(fetched);
		*fetched = result;
	} else {
		fetch_result_release(&result);
	}
	return rc;
}

static int finish_import(struct prefetch *p, int rc, struct nf_err *err)
{
	const struct daemon_target_fill fill = {
		.pool = p->pool,
		.keys = p->fetch.keys,
		.jobs = p->fetch.jobs,
		.roots = {
			.paths = p->requested.paths,
			.count = p->requested.count,
			.profile = p->target.profile,
			.gc_root = p->target.gc_root,
		},
	};

	if (p->fetch.dry_run)
		return rc;
	return fetch_target_finish(&p->store_to_fill, rc, &fill, &p->imported, err);
}

static int fetch_and_pack(struct prefetch *p, struct fetch_result *result,
			  struct nf_err *err)
{
	int rc = open_target(p, err);
	struct nf_err why;

	*result = (struct fetch_result){ 0 };
	if (!rc)
		rc = fetch(p, result, err);
	p->imported.present = result->present;
	if (p->output && !p->fetch.dry_run) {
		rc = write_bundle(p, result, rc, err);
		if (p->bundle.is_written && p->store_to_fill.intake)
			rc = graver(rc, import_from_pool(p, result, &why), &why, err);
	}
	return finish_import(p, rc, err);
}

static int run_prefetch(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	AUTO(prefetch_release) struct prefetch p = { .conf = NIX_CONF_OPTIONS_INIT };
	struct fetch_result result;
	int rc;

	rc = read_options(&p, args, ui, err);
	if (!rc)
		rc = enter_sandbox(&p, args, ui, err);
	if (rc)
		return rc;
	p.fetch.progress = ui_progress_start(ui);
	rc = fetch_and_pack(&p, &result, err);
	ui_progress_stop(ui);
	cache_setup_describe(&p.caches, &p.conf.conf);
	if (!rc)
		rc = nix_conf_options_write(&p.conf, p.target.root, ui, err);
	if (rc)
		prefetch_report_failure(&p, ui, &result, rc);
	requested_tell(&p.requested, ui);
	if (rc && p.output && !p.fetch.dry_run)
		fetched_bundle_tell(&p.bundle, ui);
	run_report_tell_disputes(ui, &result);
	run_report_tell_forbidden(ui, &result);
	if (p.json)
		prefetch_report_json(&p, ui, &result, rc);
	else if (!rc)
		prefetch_report_text(&p, ui, &result);
	if (!p.json)
		run_summary_tell(ui, &result);
	if (!p.json && !rc && !p.output && !p.target.root)
		run_summary_tell_next(ui, p.fetch.dry_run);
	fetch_result_release(&result);
	return rc;
}

static const struct cmd_option options[] = {
	{ .name = "output",
	  .letter = 'o',
	  .value = "BUNDLE",
	  .help = "also pack a bundle into this file; - is standard output",
	  .kind = CMD_VALUE_FILE },
	{ .name = "keep-going",
	  .letter = 'k',
	  .help = "fetch what can be fetched even if some paths cannot, and pack the complete closures" },
	{ .name = "dry-run",
	  .letter = 'n',
	  .help = "show what would be fetched, and fetch nothing" },
	{ 0 },
};
static const struct cmd_option_group group = { "Options", options };

const struct command cmd_prefetch = {
	.name = "prefetch",
	.args = "INSTALLABLE...",
	.summary = "fetch a closure into the pool or a target store, and pack it",
	.text = "Resolves the closure of each INSTALLABLE, copies the paths that "
		"are missing from the pool from the live store or, failing that, "
		"from the caches, verifies them and keeps them in the pool. With "
		"--output, it also packs the closure into one signed bundle, which with "
		"--have leaves out what its target has, and requires it. "
		"With --delta-from, it also carries NARs as patches of what the target "
		"has. With "
		"--store, it imports the closure straight into the store below "
		"ROOT, without a copy in the pool; with both, into the pool, the "
		"bundle and the store. Nix-daemon's store (--store daemon) is filled "
		"from the pool. For a derivation, it fetches the outputs or, "
		"if no cache has them, what building them needs. After an "
		"interruption, the same command resumes.\n"
		"\n" OPTIONS_INSTALLABLE_TEXT,
	.groups =
		(const struct cmd_option_group *const[]){
			&group, &options_target_store, &options_nix_conf,
			&requested_group, &options_pack, &have_options, &not_in_group,
			&options_caches, &transfer_options, &options_trust,
			&options_stores, &options_from_file, &options_pool, &options_jobs,
			&options_sandbox, &options_common, NULL },
	.min_args = 0,
	.max_args = SIZE_MAX,
	.kind = CMD_VALUE_INSTALLABLE,
	.resumes = true,
	.run = run_prefetch,
};
