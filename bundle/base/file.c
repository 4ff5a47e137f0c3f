#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file_open.h"
#include "base/interrupt.h"
#include "base/mem.h"

#define READ_SIZE	  (64 * 1024)
#define REMOVE_DEPTH_MAX  512
#define INTERRUPT_POLL_MS 100

int file_write_all(int fd, const void *p, size_t len, const char *name,
		   struct nf_err *err)
{
	const char *at = p;

	while (len) {
		ssize_t n = write(fd, at, len);

		/* The reader of a pipe may never read again. */
		if (n < 0 && errno == EINTR) {
			int rc = interrupt_check(err);

			if (rc)
				return rc;
			continue;
		}
		if (n < 0)
			return err_sys(err, "cannot write '%s'", name);
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int file_pwrite_all(int fd, const void *p, size_t len, uint64_t offset, const char *name,
		    struct nf_err *err)
{
	const char *at = p;

	while (len) {
		ssize_t n = pwrite(fd, at, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "cannot write '%s'", name);
		at += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int file_pread_all(int fd, void *p, size_t len, uint64_t offset, const char *name,
		   struct nf_err *err)
{
	char *at = p;

	while (len) {
		ssize_t n = pread(fd, at, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "cannot read '%s'", name);
		if (n == 0)
			return err_set(err, NF_E_FORMAT, "'%s' is truncated", name);
		at += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int file_read_full(int fd, void *p, size_t len, size_t *ret_len, const char *name,
		   struct nf_err *err)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = read(fd, (char *)p + got, len - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "cannot read '%s'", name);
		if (n == 0)
			break;
		got += (size_t)n;
	}
	*ret_len = got;
	return 0;
}

/* Waits for bytes or the end. A signal may reach another thread, which does not wake this
 * one. */
static int wait_readable(int fd, struct nf_err *err)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int rc, n;

	do {
		rc = interrupt_check(err);
		if (rc)
			return rc;
		n = poll(&p, 1, INTERRUPT_POLL_MS);
	} while (n == 0 || (n < 0 && errno == EINTR));
	return 0;
}

int file_read_stream(int fd, void *p, size_t len, size_t *ret_len, const char *name,
		     struct nf_err *err)
{
	size_t got = 0;
	int rc;

	while (got < len) {
		ssize_t n;

		rc = wait_readable(fd, err);
		if (rc)
			return rc;
		n = read(fd, (char *)p + got, len - got);
		if (n == 0)
			break;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return err_sys(err, "cannot read '%s'", name);
		if (n > 0)
			got += (size_t)n;
	}
	*ret_len = got;
	/* Ctrl-C also ends the other side of the pipe: that is not a truncation. */
	return got < len ? interrupt_check(err) : 0;
}

int file_read_fd(int fd, const char *path, struct buf *buf, struct nf_err *err)
{
	AUTO_FREE char *part = mem_alloc(READ_SIZE);
	struct stat st;
	bool regular = !fstat(fd, &st) && S_ISREG(st.st_mode);
	size_t n;
	int rc;

	do {
		rc = regular ? file_read_full(fd, part, READ_SIZE, &n, path, err)
			     : file_read_stream(fd, part, READ_SIZE, &n, path, err);
		if (rc)
			return rc;
		buf_add(buf, part, n);
		if (buf_failed(buf))
			return err_set(err, NF_E_LIMIT, "'%s' is larger than %zu bytes",
				       path, buf->max);
	} while (n == READ_SIZE);
	return 0;
}

int file_read_at(int dir_fd, const char *path, struct buf *buf, struct nf_err *err)
{
	AUTO_FD int fd = openat(dir_fd, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(err, NF_E_MISSING, "'%s' does not exist", path);
	if (fd < 0 || fstat(fd, &st))
		return err_sys(err, "cannot open '%s'", path);
	if (S_ISFIFO(st.st_mode))
		return err_set(err, NF_E_FORMAT, "'%s' is a FIFO, not a regular file",
			       path);
	return file_read_fd(fd, path, buf, err);
}

int file_read_regular_at(int dir_fd, const char *path, struct buf *buf,
			 struct nf_err *err)
{
	AUTO_FD int fd = -1;
	int rc = file_open_regular_at(&fd, dir_fd, path, O_RDONLY | O_NOFOLLOW, err);

	return rc ? rc : file_read_fd(fd, path, buf, err);
}

int file_read_input(const char *path, struct buf *buf, struct nf_err *err)
{
	AUTO_FD int fd = -1;
	int rc = file_open_input(&fd, path, err);

	return rc ? rc : file_read_fd(fd, path, buf, err);
}

static int mkdir_or_keep(int dir_fd, const char *path, struct nf_err *err)
{
	struct stat st;

	if (mkdirat(dir_fd, path, 0755) == 0)
		return 0;
	if (errno != EEXIST)
		return err_sys(err, "cannot create directory '%s'", path);
	if (fstatat(dir_fd, path, &st, 0) < 0)
		return err_sys(err, "cannot stat '%s'", path);
	errno = ENOTDIR;
	return S_ISDIR(st.st_mode) ? 0
				   : err_sys(err, "cannot create directory '%s'", path);
}

int file_mkdirs_at(int dir_fd, const char *path, struct nf_err *err)
{
	AUTO_FREE char *copy = mem_strdup(path);
	int rc = 0;

	for (char *at = copy + 1; !rc && copy[0] && *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		rc = mkdir_or_keep(dir_fd, copy, err);
		*at = '/';
	}
	return rc ? rc : mkdir_or_keep(dir_fd, copy, err);
}

int file_opendir_at(int *ret, int dir_fd, const char *path, struct nf_err *err)
{
	*ret = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*ret < 0)
		return err_sys(err, "cannot open directory '%s'", path);
	return 0;
}

/* ---- removing ---- */

/* Mount ID if the kernel reports it, else device number. */
static uint64_t mount_of(int fd)
{
	struct statx st = { 0 };

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st))
		return 0;
	return st.stx_mask & STATX_MNT_ID
		       ? st.stx_mnt_id
		       : (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor;
}

bool file_is_mount(int parent_fd, int fd)
{
	return mount_of(parent_fd) != mount_of(fd);
}

/* Checks the whole tree before removing anything. */
enum walk {
	WALK_LOOK,
	WALK_REMOVE,
};

static int walk_tree(int dir_fd, const char *name, unsigned depth, enum walk walk,
		     struct nf_err *err);

static int walk_entries(DIR *dir, unsigned depth, enum walk walk, struct nf_err *err)
{
	struct dirent *entry;
	int rc = 0;

	while (!rc && (errno = 0, entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (walk == WALK_LOOK && entry->d_type != DT_DIR &&
		    entry->d_type != DT_UNKNOWN)
			continue;
		rc = walk_tree(dirfd(dir), entry->d_name, depth + 1, walk, err);
	}
	if (!rc && errno)
		rc = err_sys(err, "cannot read a directory");
	return rc;
}

static int open_to_remove(int dir_fd, const char *name, enum walk walk)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dir_fd, name, flags);

	/* A directory without read permission. Never follows a link that replaced it. */
	if (fd < 0 && errno == EACCES && walk == WALK_REMOVE &&
	    fchmodat(dir_fd, name, 0700, AT_SYMLINK_NOFOLLOW) == 0)
		fd = openat(dir_fd, name, flags);
	return fd;
}

static int walk_directory(int dir_fd, const char *name, unsigned depth, enum walk walk,
			  struct nf_err *err)
{
	AUTO_FD int fd = -1;
	DIR *dir;
	int rc;

	if (depth > REMOVE_DEPTH_MAX)
		return err_set(err, NF_E_LIMIT, "'%s' is nested too deeply to be removed",
			       name);
	fd = open_to_remove(dir_fd, name, walk);
	/* Only directories have contents; one that cannot be read yet is checked before
	 * it is emptied. */
	if (fd < 0 && walk == WALK_LOOK)
		return 0;
	if (fd < 0)
		return err_sys(err, "cannot open '%s' to remove it", name);
	if (dir_fd != AT_FDCWD && file_is_mount(dir_fd, fd))
		return err_set(
			err, NF_E_SYS,
			"'%s' cannot be removed because it is a mount point: unmount it",
			name);
	if ((walk == WALK_REMOVE && fchmod(fd, 0700) < 0) || !(dir = fdopendir(fd)))
		return err_sys(err, "cannot remove '%s'", name);
	fd = -1;
	rc = walk_entries(dir, depth, walk, err);
	closedir(dir);
	return rc;
}

static int walk_tree(int dir_fd, const char *name, unsigned depth, enum walk walk,
		     struct nf_err *err)
{
	int rc;

	if (walk == WALK_LOOK)
		return walk_directory(dir_fd, name, depth, walk, err);
	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return err_sys(err, "cannot remove '%s'", name);
	rc = walk_directory(dir_fd, name, depth, walk, err);
	if (rc)
		return rc;
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(err, "cannot remove '%s'", name);
	return 0;
}

int file_remove_tree_at(int dir_fd, const char *path, struct nf_err *err)
{
	int rc = walk_tree(dir_fd, path, 0, WALK_LOOK, err);

	return rc ? rc : walk_tree(dir_fd, path, 0, WALK_REMOVE, err);
}

int file_sync(int fd, const char *name, struct nf_err *err)
{
	return fsync(fd) < 0 ? err_sys(err, "cannot sync '%s'", name) : 0;
}
