#include "store/nix_lock.h"

#include <fcntl.h>
#include <nixferry/storepath.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dir_entries.h"
#include "base/file_open.h"
#include "base/interrupt.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/slice.h"

/* A deadlock with another process that waits for the collector would never end. */
#define LOCK_TRIES    18000
#define LOCK_PAUSE_US 100000

/* Attempts at a lock that others keep removing between our open and our flock. */
#define STALE_TRIES    1000
#define STALE_PAUSE_US 1000

#define LOCK_SUFFIX ".lock"

/* As Nix marks a file that it has removed. */
#define STALE "d"

int nix_lock_wait(int fd, int how, const char *file, const char *what,
		  struct progress *progress, struct nf_err *err)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		int rc;

		if (!file_lock(fd, how))
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

/* Opens a lock file. Only users of the store can have made it. */
static int open_lock(int *ret_fd, const struct target *t, int dir_fd, const char *name,
		     const char *file, struct nf_err *err)
{
	AUTO_FD int fd = -1;
	int rc = file_open_lock_at(&fd, dir_fd, name, err);

	if (rc)
		return err_prefix(err, rc, "cannot lock '%s'", file);
	rc = owner_check_fd(fd, OWNER_FILE, t->owner, file, err);
	if (!rc)
		*ret_fd = TAKE_FD(fd);
	return rc;
}

int nix_lock_collector(int *ret_fd, const struct target *t, struct progress *progress,
		       struct nf_err *err)
{
	AUTO_FREE char *file = mem_printf("%s/gc.lock", t->state_dir);
	AUTO_FREE char *what = mem_printf(NIX_LOCK_COLLECTOR, t->name);
	AUTO_FD int fd = -1;
	int rc = open_lock(&fd, t, t->state_fd, "gc.lock", file, err);

	if (!rc)
		rc = nix_lock_wait(fd, LOCK_SH, file, what, progress, err);
	if (!rc)
		*ret_fd = TAKE_FD(fd);
	return rc;
}

/* ---- path locks ---- */

/* A directory that holds locks. */
struct lock_dir {
	const struct target *target;
	int fd;
	const char *name; /* without the target's root */
};

/* Whether the locked file is still the lock. The holder removes the file first and marks
 * it afterwards, so a file that is marked but not removed was made by something else. */
static int check_lock(const struct lock_dir *dir, int fd, const char *name,
		      const char *file, bool *ret_stale, struct nf_err *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_sys(err, "cannot stat '%s'", file);
	*ret_stale = !file_is_named(&st, dir->fd, name);
	if (!*ret_stale && st.st_size != 0)
		return err_set(err, NF_E_SYS,
			       "'%s' is not a lock, because it is not empty: remove it",
			       file);
	return 0;
}

/* *ret_stale is true if the previous holder removed the file before we locked it. */
static int lock_path(int *ret_fd, const struct lock_dir *dir, const char *base,
		     struct progress *progress, bool *ret_stale, struct nf_err *err)
{
	const struct target *t = dir->target;
	AUTO_FREE char *name = mem_printf("%s" LOCK_SUFFIX, base);
	AUTO_FREE char *file = mem_printf("%s%s/%s", t->root, dir->name, name);
	AUTO_FREE char *what = mem_printf("the lock of '%s/%s'", dir->name, base);
	AUTO_FD int fd = -1;
	int rc = open_lock(&fd, t, dir->fd, name, file, err);

	if (!rc)
		rc = nix_lock_wait(fd, LOCK_EX, file, what, progress, err);
	if (!rc)
		rc = check_lock(dir, fd, name, file, ret_stale, err);
	if (!rc && !*ret_stale)
		*ret_fd = TAKE_FD(fd);
	return rc;
}

static int take_lock(int *ret_fd, const struct lock_dir *dir, const char *base,
		     struct progress *progress, struct nf_err *err)
{
	for (int i = 0; i < STALE_TRIES; i++) {
		bool stale = false;
		int rc = lock_path(ret_fd, dir, base, progress, &stale, err);

		if (!rc && stale)
			rc = interrupt_check(err);
		if (rc || !stale)
			return rc;
		usleep(STALE_PAUSE_US);
	}
	return err_set(err, NF_E_SYS,
		       "'%s%s/%s" LOCK_SUFFIX
		       "' is removed again and again by another process",
		       dir->target->root, dir->name, base);
}

/* Lock in the order that Nix uses, to prevent a deadlock between two processes that lock
 * several paths. */
static int cmp_bases(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int take_locks(struct path_locks *l, const struct lock_dir *dir,
		      const char *const *bases, size_t count, struct progress *progress,
		      struct nf_err *err)
{
	int rc = 0;

	*l = (struct path_locks){
		.dir_fd = dir->fd,
		.fds = mem_calloc(count, sizeof(int)),
		.bases = mem_dup(bases, count * sizeof(*bases)),
		.is_left = l->is_left,
	};
	qsort(l->bases, count, sizeof(*l->bases), cmp_bases);
	while (!rc && l->len < count) {
		rc = take_lock(&l->fds[l->len], dir, l->bases[l->len], progress, err);
		if (!rc)
			l->len++;
	}
	return rc;
}

int path_locks_take(struct path_locks *l, const struct target *t,
		    const char *const *bases, size_t count, struct progress *progress,
		    struct nf_err *err)
{
	const struct lock_dir dir = { t, t->store_fd, NF_STORE_DIR };

	return take_locks(l, &dir, bases, count, progress, err);
}

int path_locks_take_profile(struct path_locks *l, const struct target *t, int dir_fd,
			    const char *name, struct progress *progress,
			    struct nf_err *err)
{
	const struct lock_dir dir = { t, dir_fd, "/nix/var/nix/profiles" };

	return take_locks(l, &dir, &name, 1, progress, err);
}

bool nix_lock_remove(int dir_fd, const char *name, int fd)
{
	if (unlinkat(dir_fd, name, 0) && errno != ENOENT)
		return false;
	(void)!write(fd, STALE, strlen(STALE));
	return true;
}

void path_locks_release(struct path_locks *l)
{
	for (size_t i = 0; i < l->len; i++) {
		AUTO_FREE char *name = mem_printf("%s" LOCK_SUFFIX, l->bases[i]);

		if (!nix_lock_remove(l->dir_fd, name, l->fds[i]) && l->is_left)
			*l->is_left = true;
		close(l->fds[i]);
	}
	free(l->fds);
	free(l->bases);
	*l = (struct path_locks){ .is_left = l->is_left };
}

/* ---- left by killed processes ---- */

static void remove_if_free(const struct target *t, const char *name)
{
	AUTO_FD int fd = -1;
	struct stat st;

	if (!file_open_regular_at(&fd, t->store_fd, name, O_RDWR | O_NOFOLLOW, NULL) &&
	    !file_lock(fd, LOCK_EX) && !fstat(fd, &st) && !st.st_size &&
	    !owner_check(&st, OWNER_FILE, t->owner, name, NULL))
		(void)nix_lock_remove(t->store_fd, name, fd);
}

/* Is it the lock of a valid path? "X.lock" may also be the name of a path. */
static int sweep(const struct target *t, const char *name, path_is_valid_fn is_valid,
		 void *ctx, struct nf_err *err)
{
	struct nf_slice base = nf_slice_str(name);
	bool valid = false, is_path = false;
	int rc;

	if (!slice_ends_with(base, LOCK_SUFFIX))
		return 0;
	rc = is_valid(ctx, base, &is_path, err);
	base.len -= strlen(LOCK_SUFFIX);
	if (!rc && !is_path)
		rc = is_valid(ctx, base, &valid, err);
	if (!rc && valid)
		remove_if_free(t, name);
	return rc;
}

int path_locks_sweep(const struct target *t, path_is_valid_fn is_valid, void *ctx,
		     struct nf_err *err)
{
	struct dir_entries entries;
	const struct dirent *entry;
	int rc = 0;

	dir_entries_begin(&entries, t->store_fd);
	while (!rc && (entry = dir_entries_next(&entries)))
		rc = sweep(t, entry->d_name, is_valid, ctx, err);
	if (!dir_entries_end(&entries) && !rc)
		rc = err_sys(err, "cannot read '%s/nix/store'", t->root);
	return rc;
}
