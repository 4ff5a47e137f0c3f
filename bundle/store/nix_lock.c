#include "store/nix_lock.h"

#include <dirent.h>
#include <fcntl.h>
#include <nixferry/storepath.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "base/mem.h"
#include "base/slice.h"

/* Somebody who waits for a collector that waits for us would wait forever. */
#define LOCK_TRIES    18000
#define LOCK_PAUSE_US 100000

#define LOCK_SUFFIX ".lock"

/* What Nix writes to a lock's file when it removes it, for those who have it open. */
#define STALE "d"

/* FILE is told in errors, WHAT to people who wait. */
static int wait_for_lock(int fd, int how, const char *file, const char *what,
			 struct progress *progress, struct nf_err *err)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		int rc;

		if (!flock(fd, how | LOCK_NB))
			return 0;
		if (errno != EWOULDBLOCK)
			return err_sys(err, "cannot lock '%s'", file);
		if (i == 0)
			progress_note(progress, "waiting for %s", what);
		rc = interrupt_check(err);
		if (rc)
			return rc;
		usleep(LOCK_PAUSE_US);
	}
	return err_set(err, NF_E_SYS, "'%s' is locked by another process", file);
}

int nix_lock_collector(int *ret_fd, const struct target *t, struct progress *progress,
		       struct nf_err *err)
{
	AUTO_FREE char *file = mem_printf("%s/gc.lock", t->state_dir);
	AUTO_FREE char *what =
		mem_printf("the garbage collector that is at work in '%s'", t->root);
	AUTO_FD int fd = openat(t->state_fd, "gc.lock",
				O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc;

	if (fd < 0)
		return err_sys(err, "cannot open '%s'", file);
	rc = wait_for_lock(fd, LOCK_SH, file, what, progress, err);
	if (!rc)
		*ret_fd = TAKE_FD(fd);
	return rc;
}

/* ---- of paths ---- */

/* *ret_stale if whoever had the lock removed the file before it was ours. */
static int lock_path(int *ret_fd, const struct target *t, const char *base,
		     struct progress *progress, bool *ret_stale, struct nf_err *err)
{
	AUTO_FREE char *name = mem_printf("%s" LOCK_SUFFIX, base);
	AUTO_FREE char *file = mem_printf("%s/nix/store/%s", t->root, name);
	AUTO_FREE char *what = mem_printf("the lock of '" NF_STORE_DIR "/%s'", base);
	AUTO_FD int fd = openat(t->store_fd, name,
				O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;
	int rc;

	if (fd < 0)
		return err_sys(err, "cannot open '%s'", file);
	rc = wait_for_lock(fd, LOCK_EX, file, what, progress, err);
	if (rc)
		return rc;
	if (fstat(fd, &st))
		return err_sys(err, "cannot look at '%s'", file);
	*ret_stale = st.st_size != 0 || st.st_nlink == 0;
	if (!*ret_stale)
		*ret_fd = TAKE_FD(fd);
	return 0;
}

/* In the order that Nix takes them in: two who want several never wait for each other. */
static int cmp_bases(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int path_locks_take(struct path_locks *l, const struct target *t,
		    const char *const *bases, size_t count, struct progress *progress,
		    struct nf_err *err)
{
	int rc = 0;

	*l = (struct path_locks){
		.store_fd = t->store_fd,
		.fds = mem_calloc(count, sizeof(int)),
		.bases = mem_dup(bases, count * sizeof(*bases)),
	};
	qsort(l->bases, count, sizeof(*l->bases), cmp_bases);
	while (!rc && l->len < count) {
		bool stale = false;

		rc = lock_path(&l->fds[l->len], t, l->bases[l->len], progress, &stale,
			       err);
		if (!rc && !stale)
			l->len++;
	}
	return rc;
}

/* Who waits for the lock finds by the mark that what he will have is no lock any more. */
static void remove_lock(int store_fd, const char *name, int fd)
{
	if (!unlinkat(store_fd, name, 0) || errno == ENOENT)
		(void)!write(fd, STALE, strlen(STALE));
}

void path_locks_release(struct path_locks *l)
{
	for (size_t i = 0; i < l->len; i++) {
		AUTO_FREE char *name = mem_printf("%s" LOCK_SUFFIX, l->bases[i]);

		remove_lock(l->store_fd, name, l->fds[i]);
		close(l->fds[i]);
	}
	free(l->fds);
	free(l->bases);
	*l = (struct path_locks){ 0 };
}

/* ---- what killed processes left ---- */

static void remove_if_free(int store_fd, const char *name)
{
	AUTO_FD int fd = openat(store_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB) && !fstat(fd, &st) && !st.st_size)
		remove_lock(store_fd, name, fd);
}

/* What has the hash part and name of a valid path, and the suffix, cannot be a path: no
 * two paths have one hash part. */
static int sweep(int store_fd, const char *name, path_is_valid_fn is_valid, void *ctx,
		 struct nf_err *err)
{
	struct nf_slice base = nf_slice_str(name);
	bool valid = false;
	int rc;

	if (!slice_ends_with(base, LOCK_SUFFIX))
		return 0;
	base.len -= strlen(LOCK_SUFFIX);
	rc = is_valid(ctx, base, &valid, err);
	if (!rc && valid)
		remove_if_free(store_fd, name);
	return rc;
}

int path_locks_sweep(const struct target *t, path_is_valid_fn is_valid, void *ctx,
		     struct nf_err *err)
{
	int fd = openat(t->store_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int rc = 0;

	if (!dir) {
		rc = err_sys(err, "cannot read '%s/nix/store'", t->root);
		cleanup_fd(&fd);
		return rc;
	}
	while (!rc && (errno = 0, (entry = readdir(dir))))
		rc = sweep(t->store_fd, entry->d_name, is_valid, ctx, err);
	if (!rc && errno)
		rc = err_sys(err, "cannot read '%s/nix/store'", t->root);
	closedir(dir);
	return rc;
}
