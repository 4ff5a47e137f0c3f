#include <nixferry/import.h>

#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "base/watch.h"
#include "store/daemon_import.h"
#include "store/import_plan.h"
#include "store/import_required.h"
#include "store/import_run.h"
#include "store/import_target.h"
#include "store/intake.h"
#include "store/series.h"

struct import {
	const struct nf_import_options *opts;
	struct watcher *watcher;
	struct progress *progress;
	struct nf_bundle *bundle;
	struct import_plan plan;
	struct intake *intake;
	time_t registered_at;
	struct nf_import_result result;
};

static void import_release(struct import *im)
{
	intake_free(im->intake);
	import_plan_release(&im->plan);
	nf_import_result_release(&im->result);
	watcher_free(im->watcher);
}

/* Checks that need no bundle. */

static int check_options(const struct nf_bundle *b, const struct nf_import_options *opts,
			 struct nf_err *err)
{
	int rc = import_target_check(opts->store_root, opts->profile, opts->gc_root, err);

	if (rc)
		return rc;
	if (opts->profile && nf_bundle_root_count(b) != 1)
		return err_set(
			err, NF_E_USAGE,
			"profile '%s' can hold one path, but the bundle has %zu roots",
			opts->profile, nf_bundle_root_count(b));
	return 0;
}

static int check_space(struct import *im, struct nf_err *err)
{
	struct import_totals need = import_plan_totals(&im->plan, IMPORT_WANTED);

	return intake_check_space(im->intake, need.bytes, need.inodes, err);
}

/* What is damaged among the paths of the bundle is then wanted again. */
static int find_damage(struct import *im, struct nf_err *err)
{
	AUTO_FREE struct nf_storepath *paths =
		mem_calloc(im->plan.count + 1, sizeof(*paths));
	int rc;

	for (size_t i = 0; i < im->plan.count; i++)
		paths[i] = im->plan.paths[i].ni.info.path;
	rc = intake_find_damage(im->intake, paths, im->plan.count, im->opts->jobs, err);
	for (size_t i = 0; !rc && i < im->plan.count; i++)
		rc = intake_find_other_refs(im->intake, &im->plan.paths[i].ni.info, err);
	return rc;
}

static int find_valid(void *ctx, const struct nf_storepath *path,
		      struct nf_pathinfo *info, struct nf_err *err)
{
	return intake_find(ctx, path, false, info, err);
}

static int check_required(struct import *im, struct nf_err *err)
{
	const struct import_required_target target = { find_valid, im->intake,
						       "the target store" };

	return import_required_check(im->bundle, &target, im->progress, err);
}

static int check_closed(struct import *im, struct nf_err *err)
{
	AUTO(import_outside_release) struct import_outside outside = { 0 };
	int rc = import_plan_check_closed(&im->plan, im->intake, &outside, err);

	if (rc || !im->opts->repair || !outside.count)
		return rc;
	return intake_find_damage(im->intake, outside.paths, outside.count,
				  im->opts->jobs, err);
}

static int prepare(struct import *im, struct nf_err *err)
{
	struct progress *progress = im->progress;
	int rc = import_plan_load(&im->plan, im->bundle, im->opts, err);

	if (!rc)
		import_plan_note_left_out(&im->plan, progress);
	if (!rc)
		rc = intake_open(&im->intake, im->opts->store_root, INTAKE_WRITE,
				 progress, err);
	if (!rc && im->opts->optimise)
		rc = intake_share_files(im->intake, err);
	if (!rc)
		rc = intake_check_series(im->intake, nf_bundle_terms(im->bundle),
					 im->opts->allow_older, err);
	if (!rc && im->opts->repair)
		rc = find_damage(im, err);
	if (!rc)
		rc = import_plan_query(&im->plan, im->intake, progress, err);
	if (!rc)
		rc = check_required(im, err);
	if (!rc)
		rc = check_closed(im, err);
	if (rc)
		return rc;
	intake_allow_gc(im->intake);
	return check_space(im, err);
}

static int add_sigs(struct import *im, struct nf_err *err)
{
	AUTO_FREE const struct nf_pathinfo **infos =
		mem_calloc(im->plan.count, sizeof(struct nf_pathinfo *));
	size_t count = 0;

	for (size_t i = 0; i < im->plan.count; i++)
		if (im->plan.paths[i].state == IMPORT_PRESENT)
			infos[count++] = &im->plan.paths[i].ni.info;
	im->result.present = count;
	return intake_add_sigs(im->intake, infos, count, err);
}

static int add_roots(struct import *im, struct nf_err *err)
{
	size_t count = nf_bundle_root_count(im->bundle);
	AUTO_FREE struct nf_storepath *paths = mem_calloc(count, sizeof(*paths));
	const struct intake_roots roots = {
		.paths = paths,
		.count = count,
		.profile = im->opts->profile,
		.gc_root = im->opts->gc_root,
	};

	for (size_t i = 0; i < count; i++)
		paths[i] = *nf_bundle_root(im->bundle, i);
	return intake_add_roots(im->intake, &roots, &im->result, err);
}

/* Unpack. */

static int unpack_path(void *ctx, struct import_path *path, struct nf_source *nar,
		       struct nf_err *err)
{
	struct import *im = ctx;
	struct intake_tree tree = { 0 };
	int rc = intake_unpack(im->intake, &path->ni.info, nar, &tree, err);

	if (!rc)
		intake_add(im->intake, &path->ni.info, &tree, NULL);
	return rc;
}

static int register_sometimes(void *ctx, struct nf_err *err)
{
	struct import *im = ctx;
	int rc;

	if (time(NULL) - im->registered_at < INTAKE_REGISTER_SECONDS)
		return 0;
	rc = intake_register(im->intake, err);
	im->registered_at = time(NULL);
	return rc;
}

static int unpack_all(struct import *im, struct nf_err *err)
{
	struct import_run_options run = {
		.plan = &im->plan,
		.jobs = im->opts->jobs,
		.progress = im->progress,
		.verb = "unpack",
		.spool_fd = intake_temp_fd(im->intake),
		.store_fd = intake_store_fd(im->intake),
		.consume = unpack_path,
		.idle = register_sometimes,
		.ctx = im,
	};
	int rc;

	im->registered_at = time(NULL);
	rc = import_run(&run, err);
	/* Register what was unpacked before an interrupt, or what does not need a path
	 * whose base is damaged, to save the next run that work. */
	if (rc == -NF_E_INTR || (rc && nf_bundle_terms(im->bundle)->rewrite_count))
		(void)!intake_register(im->intake, NULL);
	return rc;
}

static int register_all(struct import *im, struct nf_err *err)
{
	int rc = intake_register(im->intake, err);

	return rc ? rc : intake_why_waiting(im->intake, err);
}

static int import(struct import *im, struct nf_err *err)
{
	struct progress *progress = im->progress;
	int rc;

	progress_phase(progress, "checking");
	rc = prepare(im, err);
	if (rc)
		return rc;
	progress_phase(progress, "unpacking");
	rc = unpack_all(im, err);
	if (!rc)
		rc = nf_bundle_check_rest(im->bundle, err);
	if (rc)
		return rc;
	progress_phase(progress, "registering");
	rc = register_all(im, err);
	if (!rc)
		rc = add_sigs(im, err);
	if (!rc)
		rc = add_roots(im, err);
	if (!rc)
		rc = intake_remember_series(im->intake, nf_bundle_terms(im->bundle), err);
	return rc ? rc : intake_check_repaired(im->intake, err);
}

static int import_through_daemon(struct import *im, struct nf_err *err)
{
	int rc;

	import_target_note_daemon(im->opts->store_root, im->progress);
	if (nf_bundle_terms(im->bundle)->series)
		progress_note(
			im->progress,
			"nix-daemon's store does not remember series '%s': whether a later bundle was imported is not checked",
			nf_bundle_terms(im->bundle)->series);
	progress_phase(im->progress, "checking");
	rc = import_plan_load(&im->plan, im->bundle, im->opts, err);
	if (rc)
		return rc;
	import_plan_note_left_out(&im->plan, im->progress);
	return daemon_import(&im->plan, im->opts, im->progress, &im->result, err);
}

int nf_import(struct nf_bundle *b, const struct nf_import_options *opts,
	      struct nf_import_result *ret, struct nf_err *err)
{
	AUTO(import_release) struct import im = { 0 };
	bool by_daemon;
	int rc;

	im.opts = opts;
	im.bundle = b;
	im.watcher = watcher_start(opts->watch);
	im.progress = watcher_progress(im.watcher);
	rc = check_options(b, opts, err);
	if (!rc)
		rc = series_check_expiry(nf_bundle_terms(b), time(NULL),
					 opts->allow_older, im.progress, err);
	by_daemon = !rc && import_target_is_daemon(opts->store_root);
	if (!rc)
		rc = by_daemon ? import_through_daemon(&im, err) : import(&im, err);
	if (rc && opts->ret_untrusted)
		*opts->ret_untrusted = import_plan_take_untrusted(&im.plan);
	if (rc)
		return rc;
	if (!by_daemon)
		intake_tell(im.intake, &im.result);
	im.result.unchecked = im.plan.unchecked;
	*ret = im.result;
	im.result = (struct nf_import_result){ 0 };
	return 0;
}

void nf_import_result_release(struct nf_import_result *r)
{
	free(r->profile_link);
	free(r->next);
	for (size_t i = 0; i < r->gc_root_count; i++)
		free(r->gc_roots[i]);
	free(r->gc_roots);
	r->profile_link = NULL;
	r->next = NULL;
	r->gc_roots = NULL;
	r->gc_root_count = 0;
}
