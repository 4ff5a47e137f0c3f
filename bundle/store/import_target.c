#include "store/import_target.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/daemon_store.h"
#include "store/gcroot.h"
#include "store/store_profile.h"

bool import_target_is_live(const char *root)
{
	struct stat given, live;

	return !stat(root, &given) && !stat("/", &live) && given.st_dev == live.st_dev &&
	       given.st_ino == live.st_ino;
}

bool import_target_is_daemon(const char *root)
{
	if (!strcmp(root, DAEMON_STORE_NAME))
		return true;
	return geteuid() != 0 && import_target_is_live(root);
}

void import_target_note_daemon(const char *root, struct progress *progress)
{
	if (strcmp(root, DAEMON_STORE_NAME) != 0)
		progress_note(
			progress,
			"'%s' is the store of the running system, which only root may write to: importing through nix-daemon",
			root);
}

int import_target_check_root(const char *root, struct nf_err *err)
{
	struct stat given;

	if (import_target_is_daemon(root))
		return 0;
	if (stat(root, &given) != 0)
		return err_sys(err, "store root '%s'", root);
	if (!S_ISDIR(given.st_mode))
		return err_set(err, NF_E_USAGE, "store root '%s' is not a directory",
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
	if (import_target_is_daemon(root) || stat(root, &st) == 0 || errno != ENOENT)
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
