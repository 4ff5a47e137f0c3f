#include "store/unpack_dir.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/dir_entries.h"
#include "base/file.h"
#include "base/file_open.h"

static int cannot(const struct target *t, const char *what, const char *name,
		  struct nf_err *err)
{
	return err_sys(err, "cannot %s '%s/nix/store/%s'", what, t->root, name);
}

static int empty_directory(const struct target *t, const struct unpack_dir *d,
			   struct nf_err *err)
{
	struct dir_entries entries;
	const struct dirent *entry;
	int rc = 0;

	dir_entries_begin(&entries, d->fd);
	while (!rc && (entry = dir_entries_next(&entries)))
		rc = file_remove_tree_at(d->fd, entry->d_name, err);
	if (!dir_entries_end(&entries) && !rc)
		rc = cannot(t, "read", d->name, err);
	return rc;
}

/* Members of the build group may also create directories in the store. */
static int check_directory(const struct target *t, const struct unpack_dir *d,
			   struct nf_err *err)
{
	struct stat st;

	if (fstat(d->fd, &st))
		return cannot(t, "stat", d->name, err);
	if (st.st_uid != 0 && st.st_uid != geteuid() && st.st_uid != t->owner)
		return err_set(
			err, NF_E_SYS,
			"'%s/nix/store/%s' belongs to user %u, who could change what is unpacked in it: remove it",
			t->root, d->name, st.st_uid);
	if (file_is_mount(t->store_fd, d->fd))
		return err_set(err, NF_E_SYS,
			       "'%s/nix/store/%s' is a mount point: unmount it", t->root,
			       d->name);
	return 0;
}

/* Opens and locks the directory that D names. The fd stays -1 if it does not exist or is
 * locked. */
static int lock_directory(struct unpack_dir *d, const struct target *t,
			  struct nf_err *err)
{
	struct stat st;
	int rc;

	d->fd = openat(t->store_fd, d->name,
		       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (d->fd < 0)
		return errno == ENOENT ? 0 : cannot(t, "open", d->name, err);
	rc = check_directory(t, d, err);
	if (rc)
		return rc;
	if (file_lock(d->fd, LOCK_EX)) {
		rc = errno == EWOULDBLOCK ? 0 : cannot(t, "lock", d->name, err);
		unpack_dir_close(d);
		return rc;
	}
	/* The import that used it may just have removed it. */
	if (fstat(d->fd, &st))
		return cannot(t, "stat", d->name, err);
	if (!st.st_nlink)
		unpack_dir_close(d);
	return 0;
}

static void name_directory(struct unpack_dir *d, unsigned number)
{
	snprintf(d->name, sizeof(d->name), UNPACK_DIR_FORMAT, number);
}

static struct unpack_dir take_over(struct unpack_dir *d)
{
	struct unpack_dir taken = *d;

	d->fd = -1;
	return taken;
}

/* Takes the first directory that a killed import left and removes the others. */
static int take_left(struct unpack_dir *ret, const struct target *t, struct nf_err *err)
{
	int rc = 0;

	for (unsigned i = 0; !rc && i < UNPACK_DIRS; i++) {
		AUTO(unpack_dir_close) struct unpack_dir d = UNPACK_DIR_INIT;

		name_directory(&d, i);
		rc = lock_directory(&d, t, err);
		if (rc || d.fd < 0)
			continue;
		if (ret->fd >= 0)
			rc = unpack_dir_remove(&d, t, err);
		else
			*ret = take_over(&d);
		ret->any_left = true;
	}
	return rc;
}

static int take_new(struct unpack_dir *ret, const struct target *t, struct nf_err *err)
{
	int rc = 0;

	for (unsigned i = 0; !rc && ret->fd < 0 && i < UNPACK_DIRS; i++) {
		AUTO(unpack_dir_close) struct unpack_dir d = UNPACK_DIR_INIT;

		name_directory(&d, i);
		if (mkdirat(t->store_fd, d.name, 0700)) {
			if (errno == EEXIST)
				continue;
			return cannot(t, "create", d.name, err);
		}
		/* Another import may have taken it for one that was left. */
		rc = lock_directory(&d, t, err);
		if (!rc && d.fd >= 0)
			*ret = take_over(&d);
	}
	return rc;
}

static int clean_directory(const struct target *t, const struct unpack_dir *d,
			   struct nf_err *err)
{
	/* Files created in it must inherit neither a group nor an access list. */
	if (fchmod(d->fd, 0700))
		return cannot(t, "change the mode of", d->name, err);
	fremovexattr(d->fd, "system.posix_acl_default");
	return empty_directory(t, d, err);
}

int unpack_dir_open(struct unpack_dir *ret, const struct target *t, struct nf_err *err)
{
	AUTO(unpack_dir_close) struct unpack_dir d = UNPACK_DIR_INIT;
	int rc = take_left(&d, t, err);

	if (!rc && d.fd < 0)
		rc = take_new(&d, t, err);
	if (!rc && d.fd < 0)
		rc = err_set(err, NF_E_SYS, "%u other imports into '%s' are running",
			     UNPACK_DIRS, t->name);
	if (rc)
		return rc;
	rc = clean_directory(t, &d, err);
	if (!rc)
		*ret = take_over(&d);
	else /* unless a killed import had left something in it */
		unlinkat(t->store_fd, d.name, AT_REMOVEDIR);
	return rc;
}

int unpack_dir_remove(const struct unpack_dir *d, const struct target *t,
		      struct nf_err *err)
{
	return file_remove_tree_at(t->store_fd, d->name, err);
}

void unpack_dir_close(struct unpack_dir *d)
{
	cleanup_fd(&d->fd);
	d->fd = -1;
}
