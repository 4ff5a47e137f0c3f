#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/map.h"
#include "base/slice.h"
#include "pool/pool_lock.h"
#include "pool/pool_private.h"

struct gc {
	struct pool *pool;
	time_t before; /* what was not written to since may go */
	uint64_t freed;
	struct arena arena;
	struct map used; /* names in nar/ */
};

/* A regular file that is old enough; *ret is its size. */
static bool is_old(const struct gc *gc, int dir_fd, const char *name, uint64_t *ret)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
		return false;
	*ret = (uint64_t)st.st_size;
	return st.st_mtime <= gc->before;
}

static int remove_old(struct gc *gc, int dir_fd, const char *name, struct nf_err *err)
{
	uint64_t size;

	if (!is_old(gc, dir_fd, name, &size))
		return 0;
	if (unlinkat(dir_fd, name, 0)) {
		if (errno == ENOENT)
			return 0;
		return err_sys(err, "%s: remove '%s'", gc->pool->dir, name);
	}
	gc->freed += size;
	return 0;
}

/* Remembers the files that entries name. A narinfo that is none, or whose file is gone,
 * is of no use to anybody. */
static int mark(struct gc *gc, struct nf_err *err)
{
	AUTO(pool_names_release) struct pool_names names = { 0 };
	int rc;

	rc = pool_names_read(&names, gc->pool->root_fd, pool_names_is_info, err);
	for (size_t i = 0; !rc && i < names.len; i++) {
		struct nf_slice hash_part =
			nf_slice(names.list[i], NF_STOREPATH_HASH_LEN);
		struct nf_narinfo ni;
		bool new;

		rc = interrupt_check(err);
		if (rc)
			break;
		rc = pool_entry_load(gc->pool, hash_part, &ni, err);
		if (rc == -NF_E_MISSING) {
			rc = remove_old(gc, gc->pool->root_fd, names.list[i], err);
		} else if (!rc) {
			struct nf_slice url = arena_slice(&gc->arena, ni.url);

			map_put(&gc->used,
				nf_slice(url.ptr + POOL_URL_FILE,
					 url.len - POOL_URL_FILE),
				&new);
		}
		nf_narinfo_release(&ni);
	}
	return rc;
}

static bool is_any(const char *name)
{
	return name[0] != '.';
}

static int sweep_nars(struct gc *gc, struct nf_err *err)
{
	AUTO(pool_names_release) struct pool_names names = { 0 };
	int rc;

	rc = pool_names_read(&names, gc->pool->nar_fd, is_any, err);
	for (size_t i = 0; !rc && i < names.len; i++)
		if (!map_get(&gc->used, nf_slice_str(names.list[i])))
			rc = remove_old(gc, gc->pool->nar_fd, names.list[i], err);
	return rc;
}

/* Files that somebody works on are locked. */
static int sweep_partials(struct gc *gc, struct nf_err *err)
{
	AUTO(pool_names_release) struct pool_names names = { 0 };
	struct pool *p = gc->pool;
	int rc;

	rc = pool_names_read(&names, p->tmp_fd, is_any, err);
	for (size_t i = 0; !rc && i < names.len; i++) {
		AUTO_FD int fd = openat(p->tmp_fd, names.list[i],
					O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

		if (fd >= 0 && pool_temp_lock(p, fd, names.list[i]))
			rc = remove_old(gc, p->tmp_fd, names.list[i], err);
	}
	return rc;
}

int pool_gc(struct pool *p, int64_t max_age, uint64_t *ret_bytes, struct nf_err *err)
{
	struct gc gc = { .pool = p, .before = time(NULL) - max_age };
	AUTO_FD int lock = -1;
	int rc;

	rc = pool_lock(p, LOCK_EX, &lock, err);
	if (rc)
		return rc;
	arena_init(&gc.arena);
	map_init(&gc.used);
	rc = mark(&gc, err);
	if (!rc)
		rc = sweep_nars(&gc, err);
	if (!rc)
		rc = sweep_partials(&gc, err);
	map_release(&gc.used);
	arena_release(&gc.arena);
	*ret_bytes = gc.freed;
	return rc;
}
