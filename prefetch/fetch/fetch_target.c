#include "fetch/fetch_target.h"

#include "store/import_target.h"

int fetch_target_open(struct fetch_target *ret, const struct fetch_target_options *opts,
		      struct nf_err *err)
{
	int rc;

	*ret = (struct fetch_target){ 0 };
	if (!opts->root)
		return 0;
	if (import_target_is_daemon(opts->root))
		return daemon_target_open(&ret->daemon, opts->root, opts->progress, err);
	rc = intake_open(&ret->intake, opts->root,
			 opts->read_only ? INTAKE_READ : INTAKE_WRITE, opts->progress,
			 err);
	if (!rc && opts->optimise && !opts->read_only)
		rc = intake_share_files(ret->intake, err);
	if (!rc && opts->repair)
		rc = intake_find_damage(ret->intake, NULL, 0, opts->jobs, err);
	return rc;
}

void fetch_target_release(struct fetch_target *t)
{
	intake_free(t->intake);
	daemon_target_free(t->daemon);
	*t = (struct fetch_target){ 0 };
}

int fetch_target_finish(struct fetch_target *t, int rc,
			const struct daemon_target_fill *fill,
			struct nf_import_result *ret, struct nf_err *err)
{
	if (t->daemon)
		return rc ? rc : daemon_target_fill(t->daemon, fill, ret, err);
	if (!t->intake)
		return rc;
	intake_tell(t->intake, ret);
	if (!rc)
		rc = intake_add_roots(t->intake, &fill->roots, ret, err);
	return rc ? rc : intake_check_repaired(t->intake, err);
}
