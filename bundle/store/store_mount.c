#include "store/store_mount.h"

#include <fcntl.h>
#include <nixferry/storepath.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include "base/cleanup.h"
#include "base/mem.h"

static bool is_read_only(const char *dir)
{
	struct statvfs fs;

	return !statvfs(dir, &fs) && (fs.f_flag & ST_RDONLY);
}

int store_mount_make_writable(const char *root, struct nf_err *err)
{
	const char *prefix = strcmp(root, "/") != 0 ? root : "";
	AUTO_FREE char *dir = mem_printf("%s" NF_STORE_DIR, prefix);
	struct mount_attr writable = { .attr_clr = MOUNT_ATTR_RDONLY };

	if (!is_read_only(dir))
		return 0;
	/* What is mounted in a namespace that is not private appears in others too. */
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount_setattr(AT_FDCWD, dir, AT_SYMLINK_NOFOLLOW, &writable,
			  sizeof(writable)) != 0)
		return err_sys(
			err,
			"'%s' is mounted read-only, and this process cannot make it writable for itself",
			dir);
	if (is_read_only(dir))
		return err_set(
			err, NF_E_SYS,
			"'%s' is on a file system that is mounted read-only: mount it writable",
			dir);
	return 0;
}
