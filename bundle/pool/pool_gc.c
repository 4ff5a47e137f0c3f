#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/file_open.h"
#include "base/interrupt.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/slice.h"
#include "pool/pool_closure.h"
#include "pool/pool_gc_choice.h"
#include "pool/pool_lock.h"
#include "pool/pool_private.h"

/* A file in nar/. */
enum file_fate {
	FILE_GOES = 1, /* time of use of its most recently used entry */
	FILE_STAYS,
};

struct gc {
	struct pool *pool;
	const struct pool_gc_options *opts;
	struct pool_gc_result *result;
	time_t now;
	struct arena arena;
	struct pool_closure kept;
	struct pool_gc_entry
		*entries; /* the context of each is the name of its narinfo */
	size_t len, cap;
	struct map file_numbers; /* sorted by their names in nar/ */
	enum file_fate *fates;	 /* indexed by file number */
};

/* "", "/nar" or "/tmp": where in the pool the directory is. */
static const char *below_pool(const struct gc *gc, int dir_fd)
{
	if (dir_fd == gc->pool->nar_fd)
		return "/nar";
	return dir_fd == gc->pool->tmp_fd ? "/tmp" : "";
}

static int fail_file(const struct gc *gc, int dir_fd, const char *what, const char *name,
		     struct nf_err *err)
{
	return err_sys(err, "cannot %s '%s%s/%s'", what, gc->pool->dir,
		       below_pool(gc, dir_fd), name);
}

static int read_names(const struct gc *gc, int dir_fd, bool (*pick)(const char *name),
		      struct pool_names *ret, struct nf_err *err)
{
	int rc = pool_names_read(ret, dir_fd, pick, err);

	return rc ? err_prefix(err, rc, "'%s%s'", gc->pool->dir, below_pool(gc, dir_fd))
		  : 0;
}

/* *ret_st is zeroed if the file is gone. */
static int look_at(const struct gc *gc, int dir_fd, const char *name, struct stat *ret_st,
		   struct nf_err *err)
{
	if (!fstatat(dir_fd, name, ret_st, AT_SYMLINK_NOFOLLOW))
		return 0;
	*ret_st = (struct stat){ 0 };
	return errno == ENOENT ? 0 : fail_file(gc, dir_fd, "stat", name, err);
}

static int remove_file(struct gc *gc, int dir_fd, const char *name, uint64_t size,
		       struct nf_err *err)
{
	if (unlinkat(dir_fd, name, 0)) {
		if (errno == ENOENT)
			return 0;
		return fail_file(gc, dir_fd, "remove", name, err);
	}
	gc->result->freed_bytes += size;
	return 0;
}

/* Removes a regular file that is old enough. */
static int remove_old(struct gc *gc, int dir_fd, const char *name, struct nf_err *err)
{
	struct stat st;
	int rc = look_at(gc, dir_fd, name, &st, err);

	if (rc || !S_ISREG(st.st_mode) || st.st_mtime > gc->now - gc->opts->partial_age)
		return rc;
	return remove_file(gc, dir_fd, name, (uint64_t)st.st_size, err);
}

/* ---- closures to keep ---- */

/* A path that is missing from the pool has no references to keep. */
static int find_kept(void *ctx, const struct nf_storepath *path, struct nf_narinfo *ni,
		     struct nf_err *err)
{
	int rc = pool_find(ctx, path, ni, err);

	return rc == -NF_E_MISSING ? 0 : rc;
}

static int find_closures(struct gc *gc, struct nf_err *err)
{
	const struct pool_gc_options *o = gc->opts;

	for (size_t i = 0; i < o->keep_count; i++) {
		AUTO(nf_narinfo_release) struct nf_narinfo ni = { 0 };
		int rc = pool_find(gc->pool, &o->keep[i], &ni, err);

		if (rc)
			return rc;
	}
	return pool_closure_walk(&gc->kept, o->keep, o->keep_count, find_kept, gc->pool,
				 err);
}

/* ---- entries ---- */

static uint32_t number_of_file(struct gc *gc, struct nf_slice name)
{
	bool is_new;
	uintptr_t *number =
		map_put(&gc->file_numbers, arena_slice(&gc->arena, name), &is_new);

	if (is_new)
		*number = gc->file_numbers.len - 1;
	return (uint32_t)*number;
}

static struct nf_slice file_of(const struct nf_narinfo *ni)
{
	return nf_slice(ni->url.ptr + POOL_URL_FILE, ni->url.len - POOL_URL_FILE);
}

static void add_entry(struct gc *gc, const char *name, const struct nf_narinfo *ni)
{
	struct nf_slice key = arena_slice(
		&gc->arena, nf_slice(name, strlen(name) + 1)); /* including the NUL */
	struct stat st = { 0 };

	/* An entry that cannot be inspected counts as just used. */
	if (fstatat(gc->pool->root_fd, name, &st, AT_SYMLINK_NOFOLLOW))
		st.st_mtime = gc->now;
	MEM_GROW(gc->entries, gc->len, gc->cap);
	gc->entries[gc->len++] = (struct pool_gc_entry){
		.used = st.st_mtime,
		.file = number_of_file(gc, file_of(ni)),
		.size = ni->file_size,
		.is_kept = map_get(&gc->kept.index, nf_storepath_base(&ni->info.path)),
		.ctx = (void *)key.ptr,
	};
}

/* A narinfo that is invalid, or whose file is missing, is useless. */
static int read_entries(struct gc *gc, struct nf_err *err)
{
	AUTO(pool_names_release) struct pool_names names = { 0 };
	int rc;

	rc = read_names(gc, gc->pool->root_fd, pool_names_is_info, &names, err);
	for (size_t i = 0; !rc && i < names.len; i++) {
		struct nf_slice hash_part =
			nf_slice(names.list[i], NF_STOREPATH_HASH_LEN);
		struct nf_narinfo ni;

		rc = interrupt_check(err);
		if (rc)
			break;
		rc = pool_entry_load(gc->pool, hash_part, &ni, err);
		if (rc == -NF_E_MISSING)
			rc = remove_old(gc, gc->pool->root_fd, names.list[i], err);
		else if (!rc)
			add_entry(gc, names.list[i], &ni);
		nf_narinfo_release(&ni);
	}
	return rc;
}

/* ---- removing entries ---- */

static void decide_files(struct gc *gc)
{
	gc->fates = mem_calloc(gc->file_numbers.len, sizeof(*gc->fates));
	for (size_t i = 0; i < gc->len; i++) {
		const struct pool_gc_entry *e = &gc->entries[i];

		if (!e->goes)
			gc->fates[e->file] = FILE_STAYS;
		else if (!gc->fates[e->file])
			gc->fates[e->file] = FILE_GOES;
	}
}

/* Narinfos first, so that none ever refers to a missing NAR. */
static int remove_entries(struct gc *gc, struct nf_err *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < gc->len; i++) {
		if (!gc->entries[i].goes) {
			gc->result->left++;
			continue;
		}
		rc = interrupt_check(err);
		if (!rc)
			rc = remove_file(gc, gc->pool->root_fd, gc->entries[i].ctx, 0,
					 err);
		gc->result->removed += !rc;
	}
	return rc || !gc->result->removed
		       ? rc
		       : file_sync(gc->pool->root_fd, gc->pool->dir, err);
}

static int choose(struct gc *gc, struct nf_err *err)
{
	const struct pool_gc_options *o = gc->opts;
	const struct pool_gc_rule rule = {
		.only_kept =
			o->keep_count && o->unused_age < 0 && o->max_bytes == UINT64_MAX,
		.unused_age = o->unused_age,
		.max_bytes = o->max_bytes,
	};

	gc->result->left_bytes = pool_gc_choose(gc->entries, gc->len,
						gc->file_numbers.len, &rule, gc->now);
	decide_files(gc);
	return remove_entries(gc, err);
}

/* ---- files ---- */

static bool is_any(const char *name)
{
	return name[0] != '.';
}

static int sweep_nar(struct gc *gc, const char *name, struct nf_err *err)
{
	const uintptr_t *number = map_get(&gc->file_numbers, nf_slice_str(name));
	struct stat st;
	int rc;

	if (number && gc->fates[*number] == FILE_STAYS)
		return 0;
	if (!number)
		return remove_old(gc, gc->pool->nar_fd, name, err);
	rc = look_at(gc, gc->pool->nar_fd, name, &st, err);
	return rc ? rc
		  : remove_file(gc, gc->pool->nar_fd, name, (uint64_t)st.st_size, err);
}

static int sweep_nars(struct gc *gc, struct nf_err *err)
{
	AUTO(pool_names_release) struct pool_names names = { 0 };
	int rc;

	rc = read_names(gc, gc->pool->nar_fd, is_any, &names, err);
	for (size_t i = 0; !rc && i < names.len; i++)
		rc = sweep_nar(gc, names.list[i], err);
	return rc;
}

/* A file in use is locked. What is not a file, or belongs to someone else, stays. */
static int sweep_partial(struct gc *gc, const char *name, struct nf_err *err)
{
	struct pool *p = gc->pool;
	AUTO_FD int fd =
		openat(p->tmp_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT || errno == ELOOP || errno == ENXIO ||
				       errno == EACCES
			       ? 0
			       : fail_file(gc, p->tmp_fd, "open", name, err);
	if (!file_lock_named(fd, p->tmp_fd, name))
		return errno == EWOULDBLOCK ? 0
					    : fail_file(gc, p->tmp_fd, "lock", name, err);
	return remove_old(gc, p->tmp_fd, name, err);
}

static int sweep_partials(struct gc *gc, struct nf_err *err)
{
	AUTO(pool_names_release) struct pool_names names = { 0 };
	int rc;

	rc = read_names(gc, gc->pool->tmp_fd, is_any, &names, err);
	for (size_t i = 0; !rc && i < names.len; i++)
		rc = sweep_partial(gc, names.list[i], err);
	return rc;
}

static int collect(struct gc *gc, struct nf_err *err)
{
	int rc = find_closures(gc, err);

	if (!rc)
		rc = read_entries(gc, err);
	if (!rc)
		rc = choose(gc, err);
	if (!rc)
		rc = sweep_nars(gc, err);
	return rc ? rc : sweep_partials(gc, err);
}

int pool_gc(struct pool *p, const struct pool_gc_options *opts,
	    struct pool_gc_result *ret, struct nf_err *err)
{
	struct gc gc = { .pool = p, .opts = opts, .result = ret, .now = time(NULL) };
	AUTO_FD int lock = -1;
	int rc;

	*ret = (struct pool_gc_result){ 0 };
	rc = pool_lock(p, LOCK_EX, &lock, err);
	if (rc)
		return rc;
	arena_init(&gc.arena);
	map_init(&gc.file_numbers);
	pool_closure_init(&gc.kept);
	rc = collect(&gc, err);
	pool_closure_release(&gc.kept);
	map_release(&gc.file_numbers);
	free(gc.fates);
	arena_release(&gc.arena);
	free(gc.entries);
	return rc;
}

void pool_mark_used(struct pool *p, const struct nf_storepath *path)
{
	char name[POOL_INFO_NAME_MAX];

	pool_info_name(name, nf_storepath_hash(path));
	(void)!utimensat(p->root_fd, name, NULL, AT_SYMLINK_NOFOLLOW);
}
