#include "store/import_target.h"

#include <errno.h>
#include <sys/stat.h>

#include "store/gcroot.h"
#include "store/store_profile.h"

int import_target_check_root(const char *root, struct nf_err *err)
{
	struct stat given, live;

	if (stat(root, &given) != 0)
		return err_sys(err, "store root '%s'", root);
	if (!S_ISDIR(given.st_mode))
		return err_set(err, NF_E_USAGE, "store root '%s' is not a directory",
			       root);
	if (stat("/", &live) != 0)
		return err_sys(err, "cannot stat '/'");
	if (given.st_dev == live.st_dev && given.st_ino == live.st_ino)
		return err_set(
			err, NF_E_USAGE,
			"store root '%s' is the live system, where import cannot write: give the root of another one, such as /mnt",
			root);
	return 0;
}

int import_target_check(const char *root, const char *profile, const char *gc_root,
			struct nf_err *err)
{
	struct stat st;
	int rc = 0;

	if (!root)
		return err_set(err, NF_E_USAGE, "no store root given");
	if (stat(root, &st) == 0 || errno != ENOENT)
		rc = import_target_check_root(root, err);
	if (rc)
		return rc;
	if (profile && gc_root)
		return err_set(
			err, NF_E_USAGE,
			"profile '%s' and GC root '%s' cannot be combined: a profile is a GC root",
			profile, gc_root);
	if (profile && !store_profile_is_name(profile))
		return err_set(err, NF_E_USAGE, "'%s' is not the name of a profile",
			       profile);
	return gc_root ? gcroot_check_name(gc_root, err) : 0;
}
