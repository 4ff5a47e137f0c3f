#include "store/gcroot_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/dir_entries.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/slice.h"

int gcroot_dir_make(int *ret, const struct target *t, struct nf_err *err)
{
	AUTO_FREE char *path = mem_printf("%s/" GCROOT_DIR, t->state_dir);
	AUTO_FD int roots_fd = -1;
	AUTO_FD int fd = -1;
	bool made;
	int rc;

	rc = file_opendir_at(&roots_fd, t->state_fd, "gcroots", err);
	if (rc)
		return err_prefix(err, rc, "'%s'", t->state_dir);
	made = !mkdirat(roots_fd, "nixferry", 0755);
	if (!made && errno != EEXIST)
		return err_sys(err, "cannot create the directory '%s'", path);
	rc = file_opendir_at(&fd, roots_fd, "nixferry", err);
	if (rc)
		return err_prefix(err, rc, "'%s/gcroots'", t->state_dir);
	if (made && fchmod(fd, 0755))
		return err_sys(err, "cannot change the mode of '%s'", path);
	rc = owner_check_fd(fd, OWNER_DIR, t->owner, path, err);
	if (!rc && made)
		rc = file_sync(roots_fd, "gcroots", err);
	if (!rc)
		*ret = TAKE_FD(fd);
	return rc;
}

/* A missing root directory is the user's mistake. */
static int root_error(const char *root, struct nf_err *err)
{
	if (errno == ENOENT || errno == ENOTDIR)
		return err_set(err, NF_E_USAGE, "store root '%.400s' is not a directory",
			       root);
	return err_sys(err, "store root '%s'", root);
}

int gcroot_dir_find(int *ret, const char *root, struct nf_err *err)
{
	static const char *const below[] = { "/nix", "/nix/var", "/nix/var/nix",
					     "/nix/var/nix/gcroots",
					     "/nix/var/nix/gcroots/nixferry" };
	AUTO_FD int fd = -1;
	struct stat st;
	uid_t owner;
	int rc;

	*ret = -1;
	if (stat(root, &st))
		return root_error(root, err);
	rc = owner_open_named(&fd, &owner, root, err);
	for (size_t i = 0; !rc && i < ARRAY_SIZE(below); i++) {
		AUTO_FREE char *path = mem_printf("%s%s", root, below[i]);
		int next = openat(fd, strrchr(path, '/') + 1,
				  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (next < 0 && errno == ENOENT)
			return 0;
		if (next < 0)
			return err_sys(err, "cannot open the directory '%s'", path);
		close(fd);
		fd = next;
		rc = owner_check_to_read(fd, OWNER_DIR, owner, path, err);
	}
	if (!rc)
		*ret = TAKE_FD(fd);
	return rc;
}

int gcroot_dir_each(int dir_fd, gcroot_dir_fn *fn, void *ctx, struct nf_err *err)
{
	struct dir_entries entries;
	const struct dirent *entry;
	int rc = 0;

	dir_entries_begin(&entries, dir_fd);
	while (!rc && (entry = dir_entries_next(&entries)))
		rc = fn(ctx, dir_fd, entry->d_name, err);
	if (!dir_entries_end(&entries) && !rc)
		rc = err_sys(err, "cannot read the directory '" GCROOT_DIR "'");
	return rc;
}

struct nf_slice gcroot_dir_root(const char *entry)
{
	struct nf_slice rest = nf_slice_str(entry);

	return slice_cut(&rest, '~');
}

int gcroot_dir_unlink(int dir_fd, const char *entry, struct nf_err *err)
{
	struct stat st;

	if (fstatat(dir_fd, entry, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : err_sys(err, "'" GCROOT_DIR "/%s'", entry);
	if (!S_ISLNK(st.st_mode))
		return 0;
	if (unlinkat(dir_fd, entry, 0) && errno != ENOENT)
		return err_sys(err, "cannot remove '" GCROOT_DIR "/%s'", entry);
	return 0;
}
