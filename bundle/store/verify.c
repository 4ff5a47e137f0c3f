#include <nixferry/import.h>

#include <fcntl.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/plural.h"
#include "base/watch.h"
#include "format/drv_nar.h"
#include "store/import_plan.h"
#include "store/import_run.h"
#include "store/series.h"

static int check_path(void *ctx, struct import_path *path, struct nf_source *nar,
		      struct nf_err *err)
{
	uint64_t inodes = 0;
	int rc;

	(void)ctx;
	rc = drv_nar_check(&path->ni.info.path, nar, &inodes, err);
	/* The manifest may not record it. */
	if (!rc && !path->inodes)
		path->inodes = inodes;
	if (!rc && inodes != path->inodes)
		return err_set(err, NF_E_FORMAT,
			       "its NAR has %llu %s, but the manifest says %llu",
			       (unsigned long long)inodes,
			       plural(inodes, "inode", "inodes"),
			       (unsigned long long)path->inodes);
	return rc;
}

/* Without a store, no patch is applied. */
static int open_bases(const char *root, int *ret, struct nf_err *err)
{
	AUTO_FREE char *dir = root ? mem_printf("%s" NF_STORE_DIR, root) : NULL;

	if (dir)
		*ret = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir && *ret < 0 ? err_sys(err, "cannot open '%s'", dir) : 0;
}

static int check_nars(struct import_plan *plan, const struct nf_import_options *opts,
		      struct progress *progress, struct nf_err *err)
{
	AUTO_FD int spool_fd =
		open(import_run_temp_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int store_fd = -1;
	int rc = open_bases(opts->patch_root, &store_fd, err);
	struct import_run_options run = {
		.plan = plan,
		.jobs = opts->jobs,
		.progress = progress,
		.verb = "verify",
		.spool_fd = spool_fd,
		.store_fd = store_fd,
		.consume = check_path,
	};

	return rc ? rc : import_run(&run, err);
}

static int verify(struct nf_bundle *b, struct import_plan *plan,
		  const struct nf_import_options *opts, struct progress *progress,
		  struct nf_err *err)
{
	int rc;

	progress_phase(progress, "verifying");
	rc = import_plan_load(plan, b, opts, err);
	if (!rc)
		rc = import_plan_check_closed(plan, NULL, NULL, err);
	if (rc)
		return rc;
	import_plan_note_left_out(plan, progress);
	rc = check_nars(plan, opts, progress, err);
	if (!rc)
		rc = nf_bundle_check_rest(b, err);
	if (!rc)
		rc = series_check_expiry(nf_bundle_terms(b), time(NULL),
					 opts->allow_older, progress, err);
	return rc;
}

int nf_verify(struct nf_bundle *b, const struct nf_import_options *opts,
	      struct nf_import_result *ret, struct nf_err *err)
{
	AUTO(import_plan_release) struct import_plan plan = { 0 };
	AUTO(watcher_freep) struct watcher *w = watcher_start(opts->watch);
	struct import_totals totals;
	int rc = verify(b, &plan, opts, watcher_progress(w), err);

	if (rc && opts->ret_untrusted)
		*opts->ret_untrusted = import_plan_take_untrusted(&plan);
	if (rc)
		return rc;
	totals = import_plan_totals(&plan, IMPORT_UNPACKED);
	*ret = (struct nf_import_result){
		.imported = totals.paths,
		.unapplied = import_plan_totals(&plan, IMPORT_WANTED).paths,
		.unchecked = plan.unchecked,
		.nar_bytes = totals.bytes,
		.inodes = totals.inodes,
	};
	return 0;
}
