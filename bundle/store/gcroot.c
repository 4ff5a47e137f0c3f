#include "store/gcroot.h"

#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "store/root_link.h"

int gcroot_add(const struct target *t, const struct nf_storepath *path,
	       struct nf_err *err)
{
	char want[NF_STOREPATH_TEXT_MAX], have[NF_STOREPATH_TEXT_MAX + 1];
	AUTO_FD int roots_fd = -1;
	AUTO_FD int dir_fd = -1;
	int rc;

	rc = file_opendir_at(&roots_fd, t->state_fd, "gcroots", err);
	if (rc)
		return err_prefix(err, rc, "'%s'", t->state_dir);
	if (mkdirat(roots_fd, "nixferry", 0755) && errno != EEXIST)
		return err_sys(err, "cannot make the directory '%s/gcroots/nixferry'",
			       t->state_dir);
	rc = file_opendir_at(&dir_fd, roots_fd, "nixferry", err);
	if (rc)
		return err_prefix(err, rc, "'%s/gcroots'", t->state_dir);
	rc = root_link_clear(dir_fd, err);
	if (rc)
		return rc;
	nf_storepath_format(want, path);
	if (root_link_read(dir_fd, path->base, have, sizeof(have)) && !strcmp(want, have))
		return 0;
	rc = root_link_replace(dir_fd, path->base, want, err);
	if (rc)
		return err_prefix(err, rc, "'%s/gcroots/nixferry'", t->state_dir);
	return file_sync(dir_fd, "gcroots/nixferry", err);
}
