#include "cmd/network_commands.h"

#include <stdio.h>
#include <time.h>

#include "cmd/cache_options.h"
#include "cmd/network_sandbox.h"
#include "cmd/options.h"
#include "cmd/plan_report.h"
#include "cmd/requested.h"
#include "cmd/run_report.h"
#include "cmd/sandbox_options.h"
#include "cmd/store_options.h"
#include "cmd/ui.h"
#include "fetch/query.h"
#include "input/installable.h"
#include "plan/planner.h"
#include "store/local_store.h"

struct plan_run {
	struct fetch_options fetch;
	struct cache_setup caches;
	struct installables installables;
	struct installables why; /* of --why-build: one, or none */
	struct pool *pool;
	struct local_store *store; /* NULL if this machine has none */
	struct planner *planner;
	struct query *query;
	struct history history;
	struct plan_causes *causes;
};

static void plan_run_release(struct plan_run *p)
{
	history_release(&p->history);
	plan_causes_free(p->causes);
	query_free(p->query);
	planner_free(p->planner);
	local_store_free(p->store);
	pool_free(p->pool);
	cache_setup_release(&p->caches);
	installables_release(&p->why);
	installables_release(&p->installables);
}

static int read_options(struct plan_run *p, const struct cmd_args *args, struct ui *ui,
			struct nf_err *err)
{
	const char *why = cmd_args_value(args, "why-build");
	struct fetch_options *f = &p->fetch;
	int rc = cache_setup_read(&p->caches, f, args, ui, err);

	if (!rc)
		rc = options_installables(&p->installables, args, err);
	if (!rc && why)
		rc = installables_add(&p->why, nf_slice_str(why), err);
	if (!rc)
		rc = options_open_pool_read(&p->pool, args, err);
	if (!rc)
		rc = store_options_open(&p->store, args, ui, err);
	f->pool = p->pool;
	return rc;
}

static int enter_sandbox(const struct plan_run *p, const struct cmd_args *args,
			 struct ui *ui, struct nf_err *err)
{
	AUTO(sandbox_freep)
	struct sandbox *s = network_sandbox_new(&p->fetch, SANDBOX_READ, p->store);

	return sandbox_options_enter(s, args, ui, err);
}

static int find_out(struct plan_run *p, struct ui *ui, struct nf_err *err)
{
	int rc;

	p->planner = planner_new(&(struct planner_options){
		.always_substitute = p->caches.settings.always_allow_substitutes,
	});
	requested_ask(p->planner, &p->installables);
	p->fetch.progress = ui_progress_start(ui);
	rc = query_run(&p->query, &p->fetch, p->store, p->planner, err);
	ui_progress_stop(ui);
	/* Without the pool only the estimate is incomplete; the query has reported
	 * why. */
	if (!rc && p->fetch.history &&
	    history_load(&p->history, p->fetch.history, time(NULL), NULL))
		p->history = (struct history)HISTORY_INIT;
	return rc ? rc : planner_finish(p->planner, err);
}

static int why_build(const struct plan *plan, const struct nf_storepath *path, bool json,
		     struct nf_err *err)
{
	AUTO(json_doc_freep) struct json_doc *doc = json ? json_doc_new() : NULL;
	int rc = plan_print_why(plan, path, doc, err);

	if (!rc && doc)
		json_print(doc, stdout);
	return rc;
}

static void find_causes(struct plan_run *p)
{
	p->causes = plan_causes_new(&(struct plan_causes_options){
		.planner = p->planner,
		.query = p->query,
		.no_substituter = cache_setup_no_substituter(&p->caches),
	});
}

static int run_plan(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	AUTO(plan_run_release) struct plan_run p = { 0 };
	bool json = cmd_args_flag(args, "json");
	struct plan plan;
	int rc;

	rc = read_options(&p, args, ui, err);
	if (!rc)
		rc = enter_sandbox(&p, args, ui, err);
	if (!rc)
		rc = find_out(&p, ui, err);
	if (rc)
		return rc;
	find_causes(&p);
	plan = (struct plan){ p.planner, p.query, &p.history, p.causes,
			      cmd_args_flag(args, "no-race") };
	if (p.why.count)
		return why_build(&plan, &p.why.items[0].path, json, err);
	if (json)
		plan_print_json(&plan);
	else
		plan_print(&plan);
	run_report_tell_disputes(ui, query_result(p.query));
	run_report_tell_forbidden(ui, query_result(p.query));
	return plan_verdict(&plan, err);
}

static const struct cmd_option options[] = {
	{ .name = "why-build",
	  .value = "DRV",
	  .help = "show the chain from an installable to DRV, or to a path, and why it must be built",
	  .kind = CMD_VALUE_STORE_PATH },
	{ .name = "no-race",
	  .help = "plan for prefetch --no-race, which downloads nothing twice" },
	{ 0 },
};
static const struct cmd_option_group group = { "Options", options };

const struct command cmd_plan = {
	.name = "plan",
	.args = "INSTALLABLE...",
	.summary = "show what is present, what would be fetched and what must be built",
	.text = "Queries the local store, the pool and the caches, and fetches "
		"nothing. For the closure of each INSTALLABLE, it shows what is "
		"present, what would be fetched, from which cache and who vouches "
		"for it, and what would have to be built and why. A path that no "
		"trusted key vouches for counts as missing. The exit status is that "
		"of the most severe cause: 3 if something is not in any cache, 4 if no "
		"trusted key signed it, 5 if a response is malformed, 6 if a cache "
		"could not be queried.\n"
		"\n" OPTIONS_INSTALLABLE_TEXT
		" The plan for a derivation includes what building it needs.",
	.groups =
		(const struct cmd_option_group *const[]){
			&group, &options_stores, &options_caches, &options_keys,
			&options_from_file, &options_pool, &options_sandbox,
			&options_common, NULL },
	.min_args = 0,
	.max_args = SIZE_MAX,
	.kind = CMD_VALUE_INSTALLABLE,
	.run = run_plan,
};
