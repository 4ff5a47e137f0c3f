#include "bulk.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/encoding.h"
#include "base/file.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/stream.h"
#include "fetch/destination.h"
#include "must.h"

static char zeros[BULK_BYTES], wrong[BULK_BYTES];

static struct {
	const struct fetch_world *world; /* or NULL */
	struct pool *pool;
	struct map by_base; /* number of paths */
	atomic_bool has_lied;
	pthread_mutex_t lock; /* of what arrived: */
	uint64_t *came, here;
} bulk = { .lock = PTHREAD_MUTEX_INITIALIZER };

const char *bulk_bytes(bool is_wrong)
{
	if (!is_wrong)
		return zeros;
	atomic_store(&bulk.has_lied, true);
	memset(wrong, 0x55, sizeof(wrong));
	return wrong;
}

void bulk_begin(const struct fetch_world *w, struct pool *pool)
{
	bool is_new;

	bulk.world = w;
	bulk.pool = pool;
	bulk.came = mem_calloc(w->path_count, sizeof(*bulk.came));
	bulk.here = 0;
	map_init(&bulk.by_base);
	for (size_t i = 0; i < w->path_count; i++)
		*map_put(&bulk.by_base, nf_slice_str(w->paths[i].goods.info.path.base),
			 &is_new) = i;
}

void bulk_end(void)
{
	if (!bulk.world)
		return;
	bulk.world = NULL;
	map_release(&bulk.by_base);
	free(bulk.came);
}

uint64_t bulk_came(size_t path)
{
	return bulk.came[path];
}

uint64_t bulk_came_here(void)
{
	return bulk.here;
}

/* ---- files ---- */

/* A liar may have written other bytes there before. */
static bool has_data(int fd, uint64_t offset, size_t len)
{
	off_t data =
		atomic_load(&bulk.has_lied) ? lseek(fd, (off_t)offset, SEEK_DATA) : -1;

	return data >= 0 && (uint64_t)data < offset + len;
}

static int leave_hole(int fd, size_t len, uint64_t offset, const char *name,
		      struct nf_err *err)
{
	off_t end = (off_t)(offset + len);

	if (has_data(fd, offset, len) &&
	    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
		      (off_t)len))
		return err_sys(err, "cannot make a hole in '%s'", name);
	if (lseek(fd, 0, SEEK_END) < end && ftruncate(fd, end))
		return err_sys(err, "cannot extend '%s'", name);
	return 0;
}

int __real_file_pwrite_all(int fd, const void *p, size_t len, uint64_t offset,
			   const char *name, struct nf_err *err);
int __wrap_file_pwrite_all(int fd, const void *p, size_t len, uint64_t offset,
			   const char *name, struct nf_err *err);
int __wrap_file_pwrite_all(int fd, const void *p, size_t len, uint64_t offset,
			   const char *name, struct nf_err *err)
{
	const char *first = p;

	if (first >= zeros && first < zeros + sizeof(zeros))
		return leave_hole(fd, len, offset, name, err);
	return __real_file_pwrite_all(fd, p, len, offset, name, err);
}

void bulk_make_file(const char *path, uint64_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);

	if (fd < 0 || ftruncate(fd, (off_t)size) || close(fd)) {
		perror(path);
		abort();
	}
}

void bulk_leave_partial(const struct fetch_world *w, size_t path)
{
	const struct world_path *p = &w->paths[path];
	struct pool_partial pp;
	struct nf_err err;
	char hash[GOODS_HASH_MAX], id[128];
	uint64_t at = 0;

	nix32_encode(hash, p->goods.files[GOODS_ZSTD].sha256, 32);
	snprintf(id, sizeof(id), "f-%s-zstd", hash);
	MUST(pool_partial_open(bulk.pool, id, &pp, &err), &err);
	while (at < p->present) {
		size_t n = p->present - at < BULK_BYTES ? (size_t)(p->present - at)
							: BULK_BYTES;

		MUST(pool_partial_write(bulk.pool, &pp, at, bulk_bytes(p->is_spoilt), n,
					&err),
		     &err);
		at += n;
	}
	pool_partial_keep(bulk.pool, &pp);
}

/* ---- the verdict ---- */

static bool is_zeros(struct nf_slice s)
{
	for (; s.len >= sizeof(zeros); s.ptr += sizeof(zeros), s.len -= sizeof(zeros))
		if (memcmp(s.ptr, zeros, sizeof(zeros)) != 0)
			return false;
	return s.len == 0 || memcmp(s.ptr, zeros, s.len) == 0;
}

/* IN is closed. */
static int read_zeros(struct nf_source *in, uint64_t *ret, struct nf_err *err)
{
	AUTO(source_closep) struct nf_source *own = in;
	struct nf_slice s;
	int rc;

	*ret = 0;
	while (!(rc = source_next(own, &s, err)) && s.len) {
		*ret += s.len;
		if (!is_zeros(s))
			return err_set(err, NF_E_HASH, "the bytes are wrong");
	}
	return rc;
}

static bool is_size_of(const struct goods *g, uint64_t size)
{
	for (int i = 0; i < GOODS_ENCODINGS; i++)
		if (g->files[i].size == size)
			return true;
	return false;
}

static void note_came(size_t path, uint64_t size, bool is_here)
{
	pthread_mutex_lock(&bulk.lock);
	bulk.came[path] = size;
	bulk.here += is_here ? size : 0;
	pthread_mutex_unlock(&bulk.lock);
}

static const uintptr_t *path_of(const struct nf_trusted *t)
{
	return bulk.world ? map_get(&bulk.by_base, nf_slice_str(t->info->path.base))
			  : NULL;
}

static int judge_nar(size_t path, struct nf_source *in, uint64_t *size,
		     struct nf_err *err)
{
	int rc = read_zeros(in, size, err);

	if (!rc && !is_size_of(&bulk.world->paths[path].goods, *size))
		rc = err_set(err, NF_E_HASH, "the size is wrong");
	return rc;
}

int __real_destination_put_partial(struct destination *d, const struct nf_trusted *t,
				   enum codec codec, struct pool_partial *pp,
				   struct nf_source *in, struct nf_err *err);
int __wrap_destination_put_partial(struct destination *d, const struct nf_trusted *t,
				   enum codec codec, struct pool_partial *pp,
				   struct nf_source *in, struct nf_err *err);
int __wrap_destination_put_partial(struct destination *d, const struct nf_trusted *t,
				   enum codec codec, struct pool_partial *pp,
				   struct nf_source *in, struct nf_err *err)
{
	const uintptr_t *path = path_of(t);
	uint64_t size;
	int rc;

	if (!path)
		return __real_destination_put_partial(d, t, codec, pp, in, err);
	rc = judge_nar(*path, in, &size, err);
	if (rc)
		return rc;
	pool_partial_discard(bulk.pool, pp);
	note_came(*path, size, false);
	return 0;
}

int __real_destination_put(struct destination *d, const struct nf_trusted *t,
			   enum codec codec, struct nf_source *in, bool made_here,
			   struct nf_err *err);
int __wrap_destination_put(struct destination *d, const struct nf_trusted *t,
			   enum codec codec, struct nf_source *in, bool made_here,
			   struct nf_err *err);
int __wrap_destination_put(struct destination *d, const struct nf_trusted *t,
			   enum codec codec, struct nf_source *in, bool made_here,
			   struct nf_err *err)
{
	const uintptr_t *path = path_of(t);
	uint64_t size;
	int rc;

	if (!path)
		return __real_destination_put(d, t, codec, in, made_here, err);
	if (made_here) { /* a store's NAR, which is not zeros alone */
		source_close(in);
		size = bulk.world->paths[*path].goods.files[GOODS_ZSTD].size;
		rc = 0;
	} else {
		rc = judge_nar(*path, in, &size, err);
	}
	if (!rc)
		note_came(*path, size, true);
	return rc;
}
