/* import of the program that can also fetch: with --fetch-rest. */
#include "cmd/network_commands.h"

#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "base/plural.h"
#include "caches/history.h"
#include "cmd/cache_options.h"
#include "cmd/import_command.h"
#include "cmd/network_sandbox.h"
#include "cmd/run_report.h"
#include "cmd/transfer_options.h"
#include "fetch/fetch_target.h"
#include "store/import_target.h"
#include "store/series.h"

struct rest_run {
	const struct cmd_args *args;
	struct ui *ui;
	struct nix_settings settings;
	struct substituter_list caches;
	struct credentials *credentials;
	struct pool *pool;
	char *history;
	struct fetch_options fetch;
	/* Stays open until the import is over: it protects what was fetched from
	 * collectors. */
	struct fetch_target target;
	const struct target_options *options; /* of the target */
};

static void rest_release(struct rest_run *r)
{
	fetch_target_release(&r->target);
	pool_free(r->pool);
	credentials_free(r->credentials);
	substituter_list_release(&r->caches);
	nix_settings_release(&r->settings);
	free(r->history);
}

static int read_options(struct rest_run *r, struct nf_err *err)
{
	struct fetch_options *f = &r->fetch;
	int rc = nix_settings_load(&r->settings, err);

	if (!rc)
		rc = transfer_options_read(f, r->args, err);
	if (!rc)
		rc = options_job_count(&f->jobs, r->args, err);
	if (!rc)
		rc = cache_options_transfers(f, r->args, &r->settings, err);
	if (!rc)
		rc = cache_options_substituters(&r->caches, r->args, &r->settings, err);
	if (!rc)
		rc = cache_options_credentials(&r->credentials, &r->caches, r->args,
					       &r->settings, err);
	if (!rc)
		rc = options_open_pool(&r->pool, r->args, err);
	f->substituters = r->caches.items;
	f->substituter_count = r->caches.count;
	f->http.credentials = r->credentials;
	f->pool = r->pool;
	f->history = r->history = history_default_file();
	return rc;
}

static int prepare_rest(void *ctx, const struct target_options *target, struct sandbox *s,
			struct nf_err *err)
{
	struct rest_run *r = ctx;
	int rc;

	r->options = target;
	if (import_target_is_daemon(target->root))
		return err_set(
			err, NF_E_USAGE,
			"option '--fetch-rest' cannot be used with nix-daemon: run 'nixferry prefetch PATH... --store daemon' with what the bundle requires");
	rc = read_options(r, err);
	if (!rc)
		network_sandbox_grant(s, &r->fetch, SANDBOX_WRITE, NULL);
	return rc;
}

/* Registers what arrives, as prefetch --store does; what the target has is not fetched.
 */
static int fetch_required(struct rest_run *r, const struct nf_bundle_terms *t,
			  struct fetch_result *result, struct nf_err *err)
{
	AUTO_FREE struct nf_storepath *paths =
		mem_calloc(t->required_count, sizeof(*paths));
	const struct fetch_target_options target = {
		.root = r->options->root,
		.optimise = target_options_optimise(r->options, &r->settings),
		.jobs = r->fetch.jobs,
		.progress = r->fetch.progress,
	};
	bool allow_older = cmd_args_flag(r->args, "allow-older");
	int rc = 0;

	/* The import checks this, too; then it would be too late. */
	if (!allow_older)
		rc = series_check_expiry(t, time(NULL), false, target.progress, err);
	if (!rc)
		rc = fetch_target_open(&r->target, &target, err);
	if (!rc && !allow_older)
		rc = intake_check_series(r->target.intake, t, false, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < t->required_count; i++)
		paths[i] = t->required[i].path;
	r->fetch.paths = paths;
	r->fetch.path_count = t->required_count;
	r->fetch.intake = r->target.intake;
	return fetch_closure(&r->fetch, result, err);
}

static int fetch_rest(void *ctx, const struct nf_bundle *b, const struct nf_keyring *keys,
		      struct nf_err *err)
{
	const struct nf_bundle_terms *t = nf_bundle_terms(b);
	struct fetch_result result = { 0 };
	struct rest_run *r = ctx;
	int rc;

	if (!t->required_count)
		return 0;
	r->fetch.keys = keys;
	r->fetch.progress = ui_progress_start(r->ui);
	rc = fetch_required(r, t, &result, err);
	ui_progress_stop(r->ui);
	if (result.failure_count > 1)
		run_report_tell_failures(r->ui, &result);
	if (!rc)
		ui_note(r->ui, "%zu %s fetched of what the bundle requires",
			result.fetched, plural(result.fetched, "path was", "paths were"));
	run_report_tell_disputes(r->ui, &result);
	run_report_tell_forbidden(r->ui, &result);
	run_report_tell_caches(r->ui, &result);
	fetch_result_release(&result);
	return rc;
}

static int import_alone(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	static const struct cmd_option_group *const fetching[] = { &options_caches,
								   &transfer_options,
								   &options_pool };

	for (size_t i = 0; i < ARRAY_SIZE(fetching); i++) {
		int rc = cmd_args_refuse_group(
			args, fetching[i],
			"--fetch-rest: without it, import fetches nothing", err);

		if (rc)
			return rc;
	}
	return import_command_run(args, ui, NULL, err);
}

static int run_import(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	AUTO(rest_release) struct rest_run r = { .args = args, .ui = ui };
	const struct import_command_rest rest = { prepare_rest, fetch_rest, &r };

	if (!cmd_args_flag(args, "fetch-rest"))
		return import_alone(args, ui, err);
	return import_command_run(args, ui, &rest, err);
}

static const struct cmd_option options[] = {
	{ .name = "fetch-rest",
	  .help = "fetch what the bundle requires and the target lacks from caches" },
	{ 0 },
};
static const struct cmd_option_group group = { "What the bundle requires", options };

const struct command cmd_import_rest = {
	.name = "import",
	.args = "BUNDLE|-",
	.summary = "verify a bundle and unpack it into a target store",
	.text = IMPORT_COMMAND_TEXT
	"\n\n"
	"With --fetch-rest, what the bundle requires and the target lacks is "
	"first fetched from caches into the target, verified as by 'prefetch "
	"--store'. If a path cannot be had, nothing of the bundle is imported; "
	"what was fetched stays valid, and the same command continues.",
	.groups = (const struct cmd_option_group *const[]){ &group, &options_caches,
							    &transfer_options,
							    &options_pool,
							    IMPORT_COMMAND_GROUPS, NULL },
	.min_args = 1,
	.max_args = 1,
	.kind = CMD_VALUE_FILE,
	.resumes = true,
	.run = run_import,
};
