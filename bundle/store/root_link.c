#include "store/root_link.h"

#include <errno.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "store/nix_lock.h"

#define TEMP_LINK ".nixferry.tmp"

bool root_link_read(int dir_fd, const char *name, char *out, size_t size)
{
	ssize_t len = readlinkat(dir_fd, name, out, size);

	if (len < 0 || (size_t)len >= size)
		return false;
	out[len] = '\0';
	return true;
}

int root_link_lock(int dir_fd, const char *dir, struct nf_err *err)
{
	int rc = nix_lock_wait(dir_fd, LOCK_EX, dir, dir, NULL, err);

	if (rc)
		return rc;
	if (unlinkat(dir_fd, TEMP_LINK, 0) && errno != ENOENT)
		return err_sys(err, "cannot remove '%s'", TEMP_LINK);
	return 0;
}

int root_link_replace(int dir_fd, const char *name, const char *target,
		      struct nf_err *err)
{
	if (symlinkat(target, dir_fd, TEMP_LINK))
		return err_sys(err, "cannot create the link '%s'", name);
	if (renameat(dir_fd, TEMP_LINK, dir_fd, name)) {
		int rc = err_sys(err, "cannot create the link '%s'", name);

		unlinkat(dir_fd, TEMP_LINK, 0);
		return rc;
	}
	return 0;
}
