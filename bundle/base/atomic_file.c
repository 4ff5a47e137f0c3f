#include "base/atomic_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/dir_entries.h"
#include "base/file.h"
#include "base/file_open.h"
#include "base/mem.h"

#define TEMP_ATTEMPTS 100
/* A file name has at most 255 bytes. */
#define TEMP_PREFIX ".%.200s."

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

static bool skip_number(const char **at)
{
	const char *start = *at;

	while (isdigit((unsigned char)**at))
		(*at)++;
	return *at > start;
}

/* Whether NAME is PREFIX followed by "PID.N.tmp". */
static bool is_temp_of(const char *name, const char *prefix)
{
	const char *at = name + strlen(prefix);

	return !strncmp(name, prefix, strlen(prefix)) && skip_number(&at) &&
	       *at++ == '.' && skip_number(&at) && !strcmp(at, ".tmp");
}

static void remove_abandoned(int dir_fd, const char *name)
{
	AUTO_FD int fd =
		openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	    file_lock_named(fd, dir_fd, name))
		unlinkat(dir_fd, name, 0);
}

/* Files that cannot be removed, and a directory that cannot be read, stay as they are. */
static void sweep_temps(const struct atomic_file *f)
{
	AUTO_FREE char *prefix = mem_printf(TEMP_PREFIX, f->name);
	const struct dirent *entry;
	struct dir_entries d;

	dir_entries_begin(&d, f->dir_fd);
	while ((entry = dir_entries_next(&d)))
		if (is_temp_of(entry->d_name, prefix))
			remove_abandoned(f->dir_fd, entry->d_name);
	dir_entries_end(&d);
}

static int create_temp(struct atomic_file *f, struct nf_err *err)
{
	for (unsigned i = 0; i < TEMP_ATTEMPTS; i++) {
		free(f->temp);
		f->temp =
			mem_printf(TEMP_PREFIX "%ld.%u.tmp", f->name, (long)getpid(), i);
		f->fd = openat(f->dir_fd, f->temp,
			       O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (f->fd < 0 && errno != EEXIST)
			break;
		if (f->fd < 0)
			continue;
		/* Where there are no locks, nobody sweeps. */
		if (file_lock_named(f->fd, f->dir_fd, f->temp) || errno != EWOULDBLOCK)
			return 0;
		/* Another process has swept it before it was locked. */
		close(TAKE_FD(f->fd));
	}
	err_sys(err, "cannot create '%s'", f->name);
	cleanup_free(&f->temp);
	f->temp = NULL;
	return -NF_E_SYS;
}

int atomic_file_open(struct atomic_file *f, int dir_fd, const char *path, mode_t mode,
		     struct nf_err *err)
{
	int rc;

	*f = (struct atomic_file)ATOMIC_FILE_INIT;
	rc = open_parent(&f->dir_fd, &f->name, dir_fd, path, err);
	if (!rc) {
		sweep_temps(f);
		rc = create_temp(f, err);
	}
	if (!rc && fchmod(f->fd, mode) < 0)
		rc = err_sys(err, "cannot create '%s'", path);
	if (rc)
		atomic_file_discard(f);
	return rc;
}

/* The file stays open, and so locked, until it has its final name. */
static int commit(struct atomic_file *f, bool sync, struct nf_err *err)
{
	int rc = sync ? file_sync(f->fd, f->name, err) : 0;

	if (rc)
		return rc;
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

int atomic_file_commit_new(struct atomic_file *f, bool *ret_exists, struct nf_err *err)
{
	int rc = file_sync(f->fd, f->name, err);

	*ret_exists = false;
	if (rc)
		return rc;
	/* A rename would replace; not every file system has one that does not. */
	if (linkat(f->dir_fd, f->temp, f->dir_fd, f->name, 0) < 0) {
		*ret_exists = errno == EEXIST;
		return *ret_exists ? 0 : err_sys(err, "cannot create '%s'", f->name);
	}
	if (unlinkat(f->dir_fd, f->temp, 0) < 0)
		return err_sys(err, "cannot remove '%s'", f->temp);
	cleanup_free(&f->temp);
	f->temp = NULL;
	rc = file_sync(f->dir_fd, f->name, err);
	atomic_file_discard(f);
	return rc;
}

void atomic_file_discard(struct atomic_file *f)
{
	int saved = errno;

	if (f->temp)
		unlinkat(f->dir_fd, f->temp, 0);
	if (f->fd >= 0)
		close(f->fd);
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
