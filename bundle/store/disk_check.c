#include "store/disk_check.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

int disk_check(int store_fd, const char *root, const char *base, bool *ret_there,
	       struct nf_err *err)
{
	struct stat st;

	*ret_there = store_fd >= 0 && !fstatat(store_fd, base, &st, AT_SYMLINK_NOFOLLOW);
	if (!*ret_there && store_fd >= 0 && errno != ENOENT)
		return err_sys(err, "cannot stat '%s" NF_STORE_DIR "/%s'", root, base);
	return 0;
}
