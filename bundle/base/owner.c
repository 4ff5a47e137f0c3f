#include "base/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/dir_entries.h"
#include "base/file_open.h"
#include "base/mem.h"

static bool is_trusted(uid_t uid, uid_t owner)
{
	return uid == 0 || uid == geteuid() || uid == owner;
}

/* Users decide who is in their own group; for root, only root's group is safe. */
static bool others_can_write(const struct stat *st)
{
	bool by_group = (st->st_mode & S_IWGRP) && st->st_uid == 0 && st->st_gid != 0;

	return by_group || (st->st_mode & S_IWOTH);
}

static bool is_safe_mode(const struct stat *st, enum owner_kind kind)
{
	if (kind == OWNER_STICKY_DIR && (st->st_mode & S_ISVTX))
		return !(st->st_mode & S_IWOTH);
	return !others_can_write(st);
}

static bool is_file(enum owner_kind kind)
{
	return kind == OWNER_FILE || kind == OWNER_DATA;
}

static const char *expected(enum owner_kind kind)
{
	return is_file(kind) ? "a regular file" : "a directory";
}

int owner_check(const struct stat *st, enum owner_kind kind, uid_t owner,
		const char *path, struct nf_err *err)
{
	mode_t type = is_file(kind) ? S_IFREG : S_IFDIR;

	if ((st->st_mode & S_IFMT) != type)
		return err_set(err, NF_E_SYS, "'%s' is %s, not %s: remove it", path,
			       file_open_type(st->st_mode), expected(kind));
	if (!is_trusted(st->st_uid, owner))
		return err_set(
			err, NF_E_SYS,
			"'%s' belongs to user %u, who can change it: change its owner, or run as that user",
			path, st->st_uid);
	if (!is_safe_mode(st, kind))
		return err_set(
			err, NF_E_SYS,
			"'%s' can be written by other users (mode %04o): change its mode, for instance to %s",
			path, st->st_mode & 07777,
			is_file(kind)		   ? "0644"
			: kind == OWNER_STICKY_DIR ? "1775"
						   : "0755");
	if (kind == OWNER_FILE && st->st_nlink > 1)
		return err_set(err, NF_E_SYS,
			       "'%s' has %lu hard links: replace it with a copy", path,
			       (unsigned long)st->st_nlink);
	return 0;
}

int owner_check_fd(int fd, enum owner_kind kind, uid_t owner, const char *path,
		   struct nf_err *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_sys(err, "cannot stat '%s'", path);
	return owner_check(&st, kind, owner, path, err);
}

/* ---- empty directories ---- */

static bool is_empty(int dir_fd)
{
	struct dir_entries entries;
	bool found;

	dir_entries_begin(&entries, dir_fd);
	found = dir_entries_next(&entries) != NULL;
	return dir_entries_end(&entries) && !found;
}

static bool is_freshly_mounted(int fd, const struct stat *st)
{
	return S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) && is_empty(fd);
}

int owner_close_fd(int fd, enum owner_kind kind, uid_t owner, const char *path,
		   struct nf_err *err)
{
	mode_t others = kind == OWNER_STICKY_DIR ? S_IWOTH : S_IWOTH | S_IWGRP | S_ISVTX;
	struct stat st;

	if (fstat(fd, &st))
		return err_sys(err, "cannot stat '%s'", path);
	if (st.st_uid == geteuid() && !is_safe_mode(&st, kind) &&
	    is_freshly_mounted(fd, &st)) {
		if (fchmod(fd, st.st_mode & 07777 & ~others) || fstat(fd, &st))
			return err_sys(err, "cannot change the mode of '%s'", path);
		/* Another process was faster. */
		if (!is_empty(fd))
			return err_set(
				err, NF_E_SYS,
				"'%s' could be written by other users, and one did: empty it",
				path);
	}
	return owner_check(&st, kind, owner, path, err);
}

int owner_check_to_read(int fd, enum owner_kind kind, uid_t owner, const char *path,
			struct nf_err *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_sys(err, "cannot stat '%s'", path);
	return is_freshly_mounted(fd, &st) ? 0 : owner_check(&st, kind, owner, path, err);
}

/* ---- directories that the user names ---- */

static int is_made_by_anybody(const char *dir, uid_t owner, bool *ret, struct nf_err *err)
{
	AUTO_FREE char *parent = mem_printf("%s/..", dir);
	struct stat st;

	if (stat(parent, &st))
		return err_sys(err, "cannot stat '%s'", parent);
	*ret = st.st_uid != owner && others_can_write(&st);
	return 0;
}

static int check_link(const char *dir, struct nf_err *err)
{
	struct stat st;

	if (!lstat(dir, &st) && S_ISLNK(st.st_mode) && !is_trusted(st.st_uid, 0))
		return err_set(
			err, NF_E_SYS,
			"'%s' is a symbolic link of user %u: name the directory itself",
			dir, st.st_uid);
	return 0;
}

int owner_open_named(int *ret_fd, uid_t *ret_owner, const char *dir, struct nf_err *err)
{
	AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool by_anybody = false;
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st))
		return err_sys(err, "cannot open the directory '%s'", dir);
	rc = check_link(dir, err);
	if (!rc && !is_trusted(st.st_uid, 0))
		rc = is_made_by_anybody(dir, st.st_uid, &by_anybody, err);
	if (rc)
		return rc;
	if (by_anybody)
		return err_set(
			err, NF_E_SYS,
			"'%s' belongs to user %u and is in a directory where every user can create files: choose another, or run as that user",
			dir, st.st_uid);
	*ret_fd = TAKE_FD(fd);
	*ret_owner = st.st_uid;
	return 0;
}
