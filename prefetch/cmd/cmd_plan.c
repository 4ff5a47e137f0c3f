#include <fcntl.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/slice.h"
#include "cmd/cache_options.h"
#include "cmd/commands.h"
#include "cmd/network_commands.h"
#include "cmd/options.h"
#include "cmd/plan_report.h"
#include "cmd/store_options.h"
#include "cmd/ui.h"
#include "format/target_name.h"
#include "net/query.h"
#include "plan/missing.h"
#include "store/local_store.h"

struct plan_run {
	struct fetch_options fetch;
	struct cache_setup caches;
	struct target_names targets;
	struct pool *pool;
	struct local_store *store; /* NULL: this machine has none */
	struct missing *missing;
	struct query *query;
};

static void plan_run_release(struct plan_run *p)
{
	query_free(p->query);
	missing_free(p->missing);
	local_store_free(p->store);
	pool_free(p->pool);
	cache_setup_release(&p->caches);
	target_names_release(&p->targets);
}

/* ---- the local store's answers ---- */

static int is_valid(void *ctx, const struct nf_storepath *path, bool *ret,
		    struct nf_err *err)
{
	struct local_store *store = ctx;
	struct nf_pathinfo info;
	int rc;

	*ret = false;
	if (!store)
		return 0;
	rc = local_store_find(store, path, &info, err);
	nf_pathinfo_release(&info);
	*ret = rc == 0;
	return rc == -NF_E_MISSING ? 0 : rc;
}

static int read_drv(void *ctx, const struct nf_storepath *path, char **ret,
		    size_t *ret_len, struct nf_err *err)
{
	struct local_store *store = ctx;
	AUTO_BUF struct buf text;
	AUTO_BUF struct buf file;
	int rc;

	buf_init(&text, DERIVATION_MAX);
	buf_init(&file, 8 * KIB);
	buf_addf(&file, "%s" NF_STORE_DIR "/%s", local_store_root(store), path->base);
	rc = file_read_at(AT_FDCWD, file.ptr, &text, err);
	if (rc)
		return rc;
	*ret_len = text.len;
	*ret = buf_take(&text);
	return 0;
}

static int read_options(struct plan_run *p, const struct cmd_args *args, struct ui *ui,
			struct nf_err *err)
{
	struct fetch_options *f = &p->fetch;
	int rc = cache_setup_read(&p->caches, f, args, ui, err);

	if (!rc)
		rc = options_target_names(&p->targets, args, err);
	if (!rc)
		rc = options_open_pool(&p->pool, args, err);
	if (!rc)
		rc = store_options_open(&p->store, args, ui, err);
	f->pool = p->pool;
	return rc;
}

static void want_outputs(struct missing *m, const struct target_name *t)
{
	struct nf_slice rest = nf_slice_str(t->outputs), names[64];
	size_t n = 0;

	while (rest.len && n < ARRAY_SIZE(names))
		names[n++] = slice_cut(&rest, ',');
	if (n == 1 && nf_slice_is(names[0], "*"))
		n = 0;
	missing_want_outputs(m, &t->path, names, n);
}

static void want_targets(struct plan_run *p)
{
	for (size_t i = 0; i < p->targets.count; i++) {
		const struct target_name *t = &p->targets.items[i];

		if (t->outputs)
			want_outputs(p->missing, t);
		else if (nf_storepath_is_drv(&t->path))
			missing_want_outputs(p->missing, &t->path, NULL, 0);
		else
			missing_want_path(p->missing, &t->path);
	}
}

static int find_out(struct plan_run *p, struct ui *ui, struct nf_err *err)
{
	const struct query_store store = {
		.ctx = p->store,
		.is_valid = is_valid,
		.read_drv = read_drv,
	};
	int rc;

	p->missing = missing_new(&(struct missing_options){ 0 });
	want_targets(p);
	p->fetch.progress = ui_progress_start(ui);
	rc = query_run(&p->query, &p->fetch, &store, p->missing, err);
	ui_progress_stop(ui);
	return rc ? rc : missing_finish(p->missing, err);
}

static int why_build(const struct plan *plan, const char *text, struct nf_err *err)
{
	AUTO(target_names_release) struct target_names names = TARGET_NAMES_INIT;
	int rc = target_names_add(&names, nf_slice_str(text), err);

	return rc ? rc : plan_print_why(plan, &names.items[0].path, err);
}

static int run_plan(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	AUTO(plan_run_release) struct plan_run p = { 0 };
	const char *why = cmd_args_value(args, "why-build");
	struct plan plan;
	int rc;

	rc = read_options(&p, args, ui, err);
	if (!rc)
		rc = find_out(&p, ui, err);
	if (rc)
		return rc;
	plan = (struct plan){ .missing = p.missing, .query = p.query };
	if (why)
		return why_build(&plan, why, err);
	if (cmd_args_flag(args, "json"))
		plan_print_json(&plan);
	else
		plan_print(&plan);
	return plan_verdict(&plan, err);
}

static const struct cmd_option options[] = {
	{ "why-build", 0, "DRV",
	  "print the chain from a target to DRV, which must be built", CMD_VALUE_FILE,
	  NULL, false },
	{ 0 },
};
static const struct cmd_option_group group = { "Options", options };

const struct command cmd_plan = {
	.name = "plan",
	.args = "TARGET...",
	.summary = "say what is here, what would be fetched, what must be built",
	.text = "Asks the local store, the pool and the caches, fetches nothing, and "
		"says of all "
		"that each TARGET needs: what is here, what would be fetched and from "
		"where, who "
		"vouches for it, and what would have to be built, and why. What no "
		"trusted key "
		"vouches for counts as not there. The status is 3 when something would "
		"have to "
		"be built.\n"
		"\n" OPTIONS_TARGET_TEXT " A derivation (DRV, DRV!out,dev) is planned "
		"with what it takes to build it.",
	.groups =
		(const struct cmd_option_group *const[]){
			&group, &options_stores, &options_caches, &options_keys,
			&options_targets, &options_pool, &options_common, NULL },
	.min_args = 0,
	.max_args = SIZE_MAX,
	.kind = CMD_VALUE_FILE,
	.run = run_plan,
};
