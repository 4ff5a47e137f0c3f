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
#include "base/interrupt.h"
#include "base/mem.h"

#define READ_SIZE	  (64 * 1024)
#define TEMP_ATTEMPTS	  100
#define REMOVE_DEPTH_MAX  512
#define INTERRUPT_POLL_MS 100

int file_write_all(int fd, const void *p, size_t len, const char *name,
		   struct nf_err *err)
{
	const char *at = p;

	while (len) {
		ssize_t n = write(fd, at, len);

		/* A pipe's reader may never come back. */
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

/* There are bytes, or the end. A signal may meet another thread, which does not wake us.
 */
static int wait_readable(int fd, struct nf_err *err)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int rc;

	do {
		rc = interrupt_check(err);
	} while (!rc && poll(&p, 1, INTERRUPT_POLL_MS) == 0);
	return rc;
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
	/* Ctrl-C ends the other side of the pipe too: that is no truncation. */
	return got < len ? interrupt_check(err) : 0;
}

int file_read_at(int dir_fd, const char *path, struct buf *buf, struct nf_err *err)
{
	AUTO_FREE char *part = NULL;
	AUTO_FD int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	size_t n;
	int rc;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(err, NF_E_MISSING, "'%s' is not there", path);
	if (fd < 0)
		return err_sys(err, "cannot open '%s'", path);
	part = mem_alloc(READ_SIZE);
	do {
		rc = file_read_full(fd, part, READ_SIZE, &n, path, err);
		if (rc)
			return rc;
		buf_add(buf, part, n);
		if (buf_failed(buf))
			return err_set(err, NF_E_LIMIT, "'%s' is larger than %zu bytes",
				       path, buf->max);
	} while (n == READ_SIZE);
	return 0;
}

static int mkdir_or_keep(int dir_fd, const char *path, struct nf_err *err)
{
	struct stat st;

	if (mkdirat(dir_fd, path, 0755) == 0)
		return 0;
	if (errno != EEXIST)
		return err_sys(err, "cannot make directory '%s'", path);
	if (fstatat(dir_fd, path, &st, 0) < 0)
		return err_sys(err, "cannot look at '%s'", path);
	errno = ENOTDIR;
	return S_ISDIR(st.st_mode) ? 0 : err_sys(err, "cannot make directory '%s'", path);
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

static int remove_tree(int dir_fd, const char *name, unsigned depth, struct nf_err *err);

static int remove_entries(DIR *dir, unsigned depth, struct nf_err *err)
{
	struct dirent *entry;
	int rc = 0;

	while (!rc && (errno = 0, entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		rc = remove_tree(dirfd(dir), entry->d_name, depth + 1, err);
	}
	if (!rc && errno)
		rc = err_sys(err, "cannot read a directory");
	return rc;
}

static int empty_directory(int dir_fd, const char *name, unsigned depth,
			   struct nf_err *err)
{
	DIR *dir;
	int fd, rc;

	if (depth > REMOVE_DEPTH_MAX)
		return err_set(err, NF_E_LIMIT, "'%s' is nested too deep to be removed",
			       name);
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == EACCES) {
		/* Not even readable. Never through a link that took its place. */
		if (fchmodat(dir_fd, name, 0700, AT_SYMLINK_NOFOLLOW) == 0)
			fd = openat(dir_fd, name,
				    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0)
		return err_sys(err, "cannot open '%s' to remove it", name);
	if (fchmod(fd, 0700) < 0 || !(dir = fdopendir(fd))) {
		rc = err_sys(err, "cannot remove '%s'", name);
		close(fd);
		return rc;
	}
	rc = remove_entries(dir, depth, err);
	closedir(dir);
	return rc;
}

static int remove_tree(int dir_fd, const char *name, unsigned depth, struct nf_err *err)
{
	int rc;

	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return err_sys(err, "cannot remove '%s'", name);
	rc = empty_directory(dir_fd, name, depth, err);
	if (rc)
		return rc;
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(err, "cannot remove '%s'", name);
	return 0;
}

int file_remove_tree_at(int dir_fd, const char *path, struct nf_err *err)
{
	return remove_tree(dir_fd, path, 0, err);
}

int file_sync(int fd, const char *name, struct nf_err *err)
{
	return fsync(fd) < 0 ? err_sys(err, "cannot sync '%s'", name) : 0;
}

/* ---- files that become visible whole ---- */

static int open_parent(int *ret, char **ret_name, int dir_fd, const char *path,
		       struct nf_err *err)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *dir = NULL;

	if (!slash)
		dir = mem_strdup(".");
	else if (slash == path)
		dir = mem_strdup("/");
	else
		dir = mem_strndup(path, (size_t)(slash - path));
	*ret = openat(dir_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret < 0)
		return err_sys(err, "cannot open directory '%s'", dir);
	*ret_name = mem_strdup(slash ? slash + 1 : path);
	return 0;
}

static int create_temp(struct atomic_file *f, struct nf_err *err)
{
	for (unsigned i = 0; i < TEMP_ATTEMPTS; i++) {
		free(f->temp);
		f->temp = mem_printf(".%.200s.%ld.%u.tmp", f->name, (long)getpid(), i);
		f->fd = openat(f->dir_fd, f->temp,
			       O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (f->fd >= 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	return err_sys(err, "cannot make '%s'", f->name);
}

int atomic_file_open(struct atomic_file *f, int dir_fd, const char *path, mode_t mode,
		     struct nf_err *err)
{
	int rc;

	*f = (struct atomic_file)ATOMIC_FILE_INIT;
	rc = open_parent(&f->dir_fd, &f->name, dir_fd, path, err);
	if (!rc)
		rc = create_temp(f, err);
	if (!rc && fchmod(f->fd, mode) < 0)
		rc = err_sys(err, "cannot make '%s'", path);
	if (rc)
		atomic_file_discard(f);
	return rc;
}

static int commit(struct atomic_file *f, bool sync, struct nf_err *err)
{
	int fd, rc;

	if (sync && (rc = file_sync(f->fd, f->name, err)))
		return rc;
	fd = TAKE_FD(f->fd);
	if (close(fd) < 0)
		return err_sys(err, "cannot write '%s'", f->name);
	if (renameat(f->dir_fd, f->temp, f->dir_fd, f->name) < 0)
		return err_sys(err, "cannot rename to '%s'", f->name);
	cleanup_free(&f->temp);
	f->temp = NULL;
	rc = sync ? file_sync(f->dir_fd, f->name, err) : 0;
	atomic_file_discard(f);
	return rc;
}

int atomic_file_commit(struct atomic_file *f, struct nf_err *err)
{
	return commit(f, true, err);
}

int atomic_file_commit_nosync(struct atomic_file *f, struct nf_err *err)
{
	return commit(f, false, err);
}

void atomic_file_discard(struct atomic_file *f)
{
	int saved = errno;

	if (f->fd >= 0)
		close(f->fd);
	if (f->temp)
		unlinkat(f->dir_fd, f->temp, 0);
	if (f->dir_fd >= 0)
		close(f->dir_fd);
	free(f->name);
	free(f->temp);
	*f = (struct atomic_file)ATOMIC_FILE_INIT;
	errno = saved;
}

int file_replace_at(int dir_fd, const char *path, const void *p, size_t len, mode_t mode,
		    struct nf_err *err)
{
	AUTO(atomic_file_discard) struct atomic_file f = ATOMIC_FILE_INIT;
	int rc;

	rc = atomic_file_open(&f, dir_fd, path, mode, err);
	if (!rc)
		rc = file_write_all(f.fd, p, len, path, err);
	return rc ? rc : atomic_file_commit(&f, err);
}
