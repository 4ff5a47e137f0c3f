#include "pool/pool_temp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/file_open.h"
#include "base/mem.h"
#include "base/slice.h"
#include "pool/pool_private.h"

/* Skips names left by killed processes, and files that a sweep removed before they were
 * locked. */
#define TEMP_TRIES 10000

int pool_temp_open(struct pool_temp *t, struct pool *p, struct nf_err *err)
{
	int rc;

	t->pool = p;
	for (int i = 0; i < TEMP_TRIES; i++) {
		AUTO_FREE char *name = mem_printf("%ld.%u.tmp", (long)getpid(),
						  atomic_fetch_add(&p->temp_number, 1));
		AUTO_FD int fd = openat(p->tmp_fd, name,
					O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

		if (fd < 0 && errno == EEXIST)
			continue;
		if (fd < 0)
			return err_sys(err, "cannot create '%s/tmp/%s'", p->dir, name);
		if (!file_lock_named(fd, p->tmp_fd, name)) {
			/* A sweep may have removed it before it was locked. */
			if (errno == EWOULDBLOCK)
				continue;
			rc = err_sys(err, "cannot lock '%s/tmp/%s'", p->dir, name);
			unlinkat(p->tmp_fd, name, 0);
			return rc;
		}
		t->fd = TAKE_FD(fd);
		t->name = TAKE_PTR(name);
		return 0;
	}
	return err_set(err, NF_E_SYS, "cannot create a file in '%s/tmp'", p->dir);
}

int pool_check_writable(struct pool *p, struct nf_err *err)
{
	AUTO(pool_temp_discard) struct pool_temp t = POOL_TEMP_INIT;
	int rc = pool_temp_open(&t, p, err);

	return rc ? err_prefix(err, rc, "pool") : 0;
}

int pool_temp_publish(struct pool_temp *t, int dir_fd, const char *name,
		      struct nf_err *err)
{
	if (renameat(t->pool->tmp_fd, t->name, dir_fd, name))
		return err_sys(err, "cannot rename '%s/tmp/%s' to '%s'", t->pool->dir,
			       t->name, name);
	free(TAKE_PTR(t->name));
	return 0;
}

void pool_temp_discard(struct pool_temp *t)
{
	int saved = errno;

	if (t->name && !t->keep)
		unlinkat(t->pool->tmp_fd, t->name, 0);
	free(TAKE_PTR(t->name));
	if (t->fd >= 0)
		close(TAKE_FD(t->fd));
	errno = saved;
}

static bool is_temp(const char *name)
{
	return slice_ends_with(nf_slice_str(name), ".tmp");
}

void pool_temp_sweep(struct pool *p)
{
	AUTO(pool_names_release) struct pool_names names = { 0 };

	if (pool_names_read(&names, p->tmp_fd, is_temp, NULL))
		return;
	for (size_t i = 0; i < names.len; i++) {
		AUTO_FD int fd = openat(p->tmp_fd, names.list[i],
					O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

		if (fd >= 0 && file_lock_named(fd, p->tmp_fd, names.list[i]))
			unlinkat(p->tmp_fd, names.list[i], 0);
	}
}

int pool_temp_replace(struct pool *p, const char *name, const void *bytes, size_t len,
		      struct nf_err *err)
{
	AUTO(pool_temp_discard) struct pool_temp temp = POOL_TEMP_INIT;
	int rc;

	rc = pool_temp_open(&temp, p, err);
	if (!rc)
		rc = file_write_all(temp.fd, bytes, len, name, err);
	if (!rc)
		rc = file_sync(temp.fd, name, err);
	if (!rc)
		rc = pool_temp_publish(&temp, p->root_fd, name, err);
	if (!rc)
		rc = file_sync(p->root_fd, p->dir, err);
	return rc;
}
