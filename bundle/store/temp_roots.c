#include "store/temp_roots.h"

#include <nixferry/storepath.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/file_open.h"
#include "base/interrupt.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/owner.h"
#include "store/gc_client.h"
#include "store/nix_lock.h"

/* The file is named after our process. If a process of another PID namespace has that
 * name, we take one that no process can have. */
#define PID_LIMIT  (1L << 22)
#define NAME_TRIES 64

/* A collector that is running is waited for half an hour. */
#define GC_TRIES    18000
#define GC_PAUSE_US 100000

struct temp_roots {
	const struct target *target;
	struct progress *progress;
	int dir_fd;
	char name[32];
	int fd;		  /* of our file; holds its lock */
	int collector_fd; /* of gc.lock */
	bool is_gc_kept_out;

	pthread_mutex_t lock; /* of all below */
	struct gc_client client;
	uint64_t size; /* of our file */
	struct map known;
	struct arena names;
	struct nf_slice *added;
	size_t len, cap;
};

/* ---- our file ---- */

enum file_state {
	FILE_OURS,
	FILE_TAKEN, /* by another process */
	FILE_STALE, /* of a process that has died, or removed by a collector */
};

static int look_at_file(const struct temp_roots *r, int fd, const char *file,
			enum file_state *ret, struct nf_err *err)
{
	struct stat st;

	*ret = FILE_TAKEN;
	if (file_lock(fd, LOCK_EX))
		return errno == EWOULDBLOCK ? 0 : err_sys(err, "cannot lock '%s'", file);
	if (fstat(fd, &st))
		return err_sys(err, "cannot stat '%s'", file);
	*ret = FILE_STALE;
	if (!st.st_size && file_is_named(&st, r->dir_fd, r->name))
		*ret = FILE_OURS;
	return 0;
}

/* Opens the file of r->name; a stale one is removed. */
static int try_name(struct temp_roots *r, enum file_state *ret, struct nf_err *err)
{
	const struct target *t = r->target;
	AUTO_FREE char *file = mem_printf("%s/temproots/%s", t->state_dir, r->name);
	AUTO_FD int fd = -1;
	int rc = file_open_lock_at(&fd, r->dir_fd, r->name, err);

	if (rc)
		return err_prefix(err, rc, "cannot open '%s'", file);
	rc = owner_check_fd(fd, OWNER_FILE, t->owner, file, err);
	if (!rc)
		rc = look_at_file(r, fd, file, ret, err);
	if (rc)
		return rc;
	if (*ret == FILE_OURS) {
		r->fd = TAKE_FD(fd);
	} else if (*ret == FILE_STALE) {
		if (!nix_lock_remove(r->dir_fd, r->name, fd))
			return err_sys(err, "cannot remove '%s'", file);
	}
	return 0;
}

static int create_file(struct temp_roots *r, struct nf_err *err)
{
	enum file_state state = FILE_TAKEN;
	long number = getpid();

	for (int i = 0; i < NAME_TRIES; i++) {
		int rc;

		snprintf(r->name, sizeof(r->name), "%ld", number);
		rc = try_name(r, &state, err);
		if (rc || state == FILE_OURS)
			return rc;
		if (state == FILE_TAKEN)
			number += PID_LIMIT;
	}
	return err_set(err, NF_E_SYS,
		       "'%s/temproots/%s' is removed again and again by another process",
		       r->target->state_dir, r->name);
}

static int write_root(struct temp_roots *r, struct nf_slice base, struct nf_err *err)
{
	AUTO_FREE char *path = mem_printf(NF_STORE_DIR "/%.*s", NF_SLICE_ARG(base));
	AUTO_FREE char *file =
		mem_printf("%s/temproots/%s", r->target->state_dir, r->name);
	size_t size = strlen(path) + 1;
	int rc = file_pwrite_all(r->fd, path, size, r->size, file, err);

	/* Collectors fail if they read half a path. */
	if (rc)
		(void)!ftruncate(r->fd, (off_t)r->size);
	else
		r->size += size;
	return rc;
}

/* ---- opening ---- */

static int open_directory(struct temp_roots *r, struct nf_err *err)
{
	const struct target *t = r->target;
	AUTO_FREE char *path = mem_printf("%s/temproots", t->state_dir);
	int rc = file_opendir_at(&r->dir_fd, t->state_fd, "temproots", err);

	if (rc)
		return err_prefix(err, rc, "'%s'", t->state_dir);
	return owner_check_fd(r->dir_fd, OWNER_DIR, t->owner, path, err);
}

int temp_roots_open(struct temp_roots **ret, const struct target *t,
		    struct progress *progress, struct nf_err *err)
{
	AUTO(temp_roots_freep) struct temp_roots *r = mem_calloc(1, sizeof(*r));
	int rc;

	r->target = t;
	r->progress = progress;
	r->dir_fd = r->fd = r->collector_fd = -1;
	pthread_mutex_init(&r->lock, NULL);
	gc_client_init(&r->client, t);
	map_init(&r->known);
	arena_init(&r->names);
	rc = open_directory(r, err);
	if (!rc)
		rc = nix_lock_collector(&r->collector_fd, t, progress, err);
	r->is_gc_kept_out = !rc;
	if (!rc)
		rc = create_file(r, err);
	if (!rc)
		*ret = TAKE_PTR(r);
	return rc;
}

void temp_roots_free(struct temp_roots *r)
{
	if (!r)
		return;
	/* A process that opens it now must not take it for its own. */
	if (r->fd >= 0)
		(void)nix_lock_remove(r->dir_fd, r->name, r->fd);
	cleanup_fd(&r->fd);
	cleanup_fd(&r->collector_fd);
	cleanup_fd(&r->dir_fd);
	gc_client_close(&r->client);
	map_release(&r->known);
	arena_release(&r->names);
	free(r->added);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* ---- collectors ---- */

void temp_roots_allow_gc(struct temp_roots *r)
{
	pthread_mutex_lock(&r->lock);
	if (r->is_gc_kept_out)
		flock(r->collector_fd, LOCK_UN);
	r->is_gc_kept_out = false;
	pthread_mutex_unlock(&r->lock);
}

/* Whether no collector runs. One that starts later reads our file. */
static int find_no_collector(const struct temp_roots *r, bool *ret, struct nf_err *err)
{
	*ret = r->is_gc_kept_out;
	if (*ret)
		return 0;
	*ret = !file_lock(r->collector_fd, LOCK_SH);
	if (!*ret)
		return errno == EWOULDBLOCK ? 0
					    : err_sys(err, "cannot lock '%s/gc.lock'",
						      r->target->state_dir);
	flock(r->collector_fd, LOCK_UN);
	return 0;
}

/* Tells a running collector of the paths, and waits until none runs; IS_TOLD_ENOUGH:
 * or until the collector has acknowledged them. */
static int face_collector(struct temp_roots *r, const struct nf_slice *bases,
			  size_t count, bool is_told_enough, struct nf_err *err)
{
	bool is_told = false, is_over = false;

	for (int i = 0; i < GC_TRIES; i++) {
		int rc = find_no_collector(r, &is_over, err);

		if (!rc && !is_over && !is_told)
			rc = gc_client_tell(&r->client, bases, count, &is_told, err);
		if (rc || is_over || (is_told && is_told_enough))
			return rc;
		if (i == 0)
			progress_note(r->progress, "waiting for " NIX_LOCK_COLLECTOR,
				      r->target->name);
		rc = interrupt_check(err);
		if (rc)
			return rc;
		usleep(GC_PAUSE_US);
	}
	return err_set(err, NF_E_SYS, "'%s/gc.lock' is locked by another process",
		       r->target->state_dir);
}

/* In this order: a collector that starts in between reads what was written. */
static int add_root(struct temp_roots *r, struct nf_slice base, struct nf_err *err)
{
	int rc = write_root(r, base, err);
	bool is_new;

	if (!rc)
		rc = face_collector(r, &base, 1, false, err);
	if (rc)
		return rc;
	base = arena_slice(&r->names, base);
	map_put(&r->known, base, &is_new);
	MEM_GROW(r->added, r->len, r->cap);
	r->added[r->len++] = base;
	return 0;
}

int temp_roots_add(struct temp_roots *r, struct nf_slice base, struct nf_err *err)
{
	int rc = 0;

	pthread_mutex_lock(&r->lock);
	if (!map_get(&r->known, base))
		rc = add_root(r, base, err);
	pthread_mutex_unlock(&r->lock);
	return rc;
}

int temp_roots_hand_over(struct temp_roots *r, struct nf_err *err)
{
	int rc;

	pthread_mutex_lock(&r->lock);
	rc = face_collector(r, r->added, r->len, true, err);
	pthread_mutex_unlock(&r->lock);
	return rc;
}
