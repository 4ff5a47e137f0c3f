#include "store/target_etc.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/atomic_file.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"

#define NAME "nix.conf"

/* Opens NAME in *FD, which it replaces; makes it where it is missing. */
static int enter(int *fd, const char *name, struct nf_err *err)
{
	bool made = !mkdirat(*fd, name, 0755);
	int next = -1, rc;

	if (!made && errno != EEXIST)
		return err_sys(err, "cannot create the directory '%s'", name);
	rc = file_opendir_at(&next, *fd, name, err);
	if (!rc && made && fchmod(next, 0755))
		rc = err_sys(err, "cannot change the mode of '%s'", name);
	if (!rc && made)
		rc = file_sync(*fd, name, err);
	close(*fd);
	*fd = next;
	return rc;
}

int target_etc_open(int *ret, const char *root, struct nf_err *err)
{
	AUTO_FD int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return err_sys(err, "store root '%s'", root);
	rc = enter(&fd, "etc", err);
	if (rc)
		return err_prefix(err, rc, "'%s'", root);
	rc = enter(&fd, "nix", err);
	if (rc)
		return err_prefix(err, rc, "'%s/etc'", root);
	*ret = TAKE_FD(fd);
	return 0;
}

void target_etc_grant(struct sandbox *s, int dir_fd)
{
	AUTO_FREE char *path = mem_printf("/proc/self/fd/%d", dir_fd);

	sandbox_grant(s, path, SANDBOX_REPLACE);
}

int target_etc_write(int dir_fd, struct nf_slice text, bool *ret_exists,
		     struct nf_err *err)
{
	AUTO(atomic_file_discard) struct atomic_file f = ATOMIC_FILE_INIT;
	int rc;

	rc = atomic_file_open(&f, dir_fd, NAME, 0644, err);
	if (!rc)
		rc = file_write_all(f.fd, text.ptr, text.len, NAME, err);
	if (!rc)
		rc = atomic_file_commit_new(&f, ret_exists, err);
	return rc;
}
