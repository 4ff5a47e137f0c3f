#include "store/unpack_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/owner.h"

static int empty_directory(int dir_fd, struct nf_err *err)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int rc = 0;

	if (!dir) {
		rc = err_sys(err, "cannot read '" UNPACK_DIR_NAME "'");
		cleanup_fd(&fd);
		return rc;
	}
	while (!rc && (errno = 0, (entry = readdir(dir))))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			rc = file_remove_tree_at(dir_fd, entry->d_name, err);
	if (!rc && errno)
		rc = err_sys(err, "cannot read '" UNPACK_DIR_NAME "'");
	closedir(dir);
	return rc;
}

/* Allows a killed import a moment to exit. */
#define LOCK_TRIES    20
#define LOCK_PAUSE_US 100000

static int other_import(const struct target *t, struct nf_err *err)
{
	return err_set(err, NF_E_SYS, "another import into '%s' is running", t->root);
}

static int wait_for_lock(const struct target *t, int fd, struct nf_err *err)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		int rc;

		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK)
			return err_sys(err,
				       "cannot lock '%s/nix/store/" UNPACK_DIR_NAME "'",
				       t->root);
		rc = interrupt_check(err);
		if (rc)
			return rc;
		usleep(LOCK_PAUSE_US);
	}
	return other_import(t, err);
}

/* Members of the build group may also create directories in the store. */
static int check_directory(const struct target *t, int fd, struct nf_err *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_sys(err, "cannot stat '%s/nix/store/" UNPACK_DIR_NAME "'",
			       t->root);
	if (st.st_uid != 0 && st.st_uid != geteuid() && st.st_uid != t->owner)
		return err_set(
			err, NF_E_SYS,
			"'%s/nix/store/" UNPACK_DIR_NAME
			"' belongs to user %u, who could change what is unpacked in it: remove it",
			t->root, st.st_uid);
	if (file_is_mount(t->store_fd, fd))
		return err_set(err, NF_E_SYS,
			       "'%s/nix/store/" UNPACK_DIR_NAME
			       "' is a mount point: unmount it",
			       t->root);
	return 0;
}

/* Opens and locks the directory; *ret_gone is true if another import removed it before we
 * locked it. */
static int lock_directory(int *ret_fd, const struct target *t, bool *ret_left,
			  bool *ret_gone, struct nf_err *err)
{
	AUTO_FD int fd = -1;
	struct stat st;
	int rc;

	*ret_left = mkdirat(t->store_fd, UNPACK_DIR_NAME, 0700) != 0;
	if (*ret_left && errno != EEXIST)
		return err_sys(err, "cannot create '%s/nix/store/" UNPACK_DIR_NAME "'",
			       t->root);
	fd = openat(t->store_fd, UNPACK_DIR_NAME,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	*ret_gone = fd < 0 && errno == ENOENT;
	if (*ret_gone)
		return 0;
	if (fd < 0)
		return err_sys(err, "cannot open '%s/nix/store/" UNPACK_DIR_NAME "'",
			       t->root);
	rc = check_directory(t, fd, err);
	if (!rc)
		rc = wait_for_lock(t, fd, err);
	if (rc)
		return rc;
	if (fstat(fd, &st))
		return err_sys(err, "cannot stat '" UNPACK_DIR_NAME "'");
	*ret_gone = st.st_nlink == 0;
	if (!*ret_gone)
		*ret_fd = TAKE_FD(fd);
	return 0;
}

int unpack_dir_open(int *ret_fd, const struct target *t, bool *ret_left,
		    struct nf_err *err)
{
	AUTO_FD int fd = -1;
	bool gone = true;
	int rc = 0;

	for (int i = 0; !rc && gone && i < LOCK_TRIES; i++) {
		rc = lock_directory(&fd, t, ret_left, &gone, err);
		if (!rc && gone)
			rc = interrupt_check(err);
	}
	if (!rc && gone)
		rc = other_import(t, err);
	if (rc)
		return rc;
	/* Files created in it must inherit neither a group nor an access list. */
	if (fchmod(fd, 0700))
		return err_sys(err, "cannot change the mode of '" UNPACK_DIR_NAME "'");
	fremovexattr(fd, "system.posix_acl_default");
	rc = empty_directory(fd, err);
	if (!rc)
		*ret_fd = TAKE_FD(fd);
	return rc;
}

int unpack_dir_remove(const struct target *t, struct nf_err *err)
{
	return file_remove_tree_at(t->store_fd, UNPACK_DIR_NAME, err);
}
