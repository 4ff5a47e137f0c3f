#include "base/file_open.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define OPEN_FLAGS (O_NONBLOCK | O_CLOEXEC | O_NOCTTY)

const char *file_open_type(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "a regular file";
	case S_IFDIR:
		return "a directory";
	case S_IFLNK:
		return "a symbolic link";
	case S_IFIFO:
		return "a FIFO";
	case S_IFSOCK:
		return "a socket";
	default:
		return "a device";
	}
}

static int wrong_type(const char *path, mode_t mode, struct nf_err *err)
{
	return err_set(err, NF_E_FORMAT, "'%s' is %s, not a regular file", path,
		       file_open_type(mode));
}

/* open() fails for links, sockets and directories. */
static int open_failed(int dir_fd, const char *path, int flags, struct nf_err *err)
{
	int saved = errno;
	int follow = flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0;
	struct stat st;

	if (saved == ENOENT || saved == ENOTDIR)
		return err_set(err, NF_E_MISSING, "'%s' does not exist", path);
	if (!fstatat(dir_fd, path, &st, follow) && !S_ISREG(st.st_mode) &&
	    (saved == ELOOP || saved == ENXIO || saved == EISDIR))
		return wrong_type(path, st.st_mode, err);
	errno = saved;
	return err_sys(err, "cannot open '%s'", path);
}

static int open_regular(int *ret_fd, int dir_fd, const char *path, int flags, mode_t mode,
			struct nf_err *err)
{
	AUTO_FD int fd = openat(dir_fd, path, flags | OPEN_FLAGS, mode);
	struct stat st;

	if (fd < 0)
		return open_failed(dir_fd, path, flags, err);
	if (fstat(fd, &st))
		return err_sys(err, "cannot stat '%s'", path);
	if (!S_ISREG(st.st_mode))
		return wrong_type(path, st.st_mode, err);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int file_open_regular_at(int *ret_fd, int dir_fd, const char *path, int flags,
			 struct nf_err *err)
{
	return open_regular(ret_fd, dir_fd, path, flags, 0644, err);
}

int file_open_lock_at(int *ret_fd, int dir_fd, const char *path, struct nf_err *err)
{
	int rc = open_regular(ret_fd, dir_fd, path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600,
			      err);

	if (rc != -NF_E_FORMAT)
		return rc;
	if (err)
		err->code = NF_E_SYS;
	return -NF_E_SYS;
}

int file_open_input(int *ret_fd, const char *path, struct nf_err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | OPEN_FLAGS);
	struct stat st;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(err, NF_E_MISSING, "'%s' does not exist", path);
	if (fd < 0 || fstat(fd, &st))
		return err_sys(err, "cannot open '%s'", path);
	errno = EISDIR;
	if (S_ISDIR(st.st_mode))
		return err_sys(err, "cannot read '%s'", path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

bool file_is_named(const struct stat *st, int dir_fd, const char *name)
{
	struct stat named;

	return !fstatat(dir_fd, name, &named, AT_SYMLINK_NOFOLLOW) &&
	       named.st_ino == st->st_ino && named.st_dev == st->st_dev;
}

int file_lock(int fd, int operation)
{
	int rc;

	do
		rc = flock(fd, operation | LOCK_NB);
	while (rc && errno == EINTR);
	return rc;
}

bool file_lock_named(int fd, int dir_fd, const char *name)
{
	struct stat st;

	if (file_lock(fd, LOCK_EX) || fstat(fd, &st))
		return false;
	/* Between open and flock, another process may have renamed or removed it. */
	if (file_is_named(&st, dir_fd, name))
		return true;
	errno = EWOULDBLOCK;
	return false;
}
