#include "pool/pack_delta.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/hash.h"
#include "base/interrupt.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/plural.h"
#include "base/stream.h"
#include "base/workers.h"
#include "delta/delta_make.h"
#include "pool/base_choice.h"
#include "pool/pool_private.h"

/* Bases whose sizes are compared. */
#define CANDIDATES_MAX 16
/* A patch that saves less than a fifth is not worth that the base must be there. */
#define WORTH(file_size) ((file_size) / 5 * 4)
/* In a bundle, a NAR of this size takes no more space than its patch. */
#define SMALL_MAX 512

struct patching {
	struct pack_delta *delta;
	struct pool *pool;
	const struct pack_options *opts;
	struct hash_rewrite *rewrite;
	size_t unread; /* paths whose base is neither in the pool nor in the store */
	pthread_mutex_t lock; /* guards everything below */
	uint64_t end;	      /* of the file of all patches */
	int rc;
	struct nf_err err;
};

struct patch_job {
	struct patching *all;
	struct pack_patch *patch;
};

/* A decoded NAR in a temporary file. */
struct flat_nar {
	struct delta_base *base;
	struct nar_files files;
};

static void flat_nar_release(struct flat_nar *f)
{
	if (f->base)
		delta_base_close(f->base);
	nar_files_release(&f->files);
}

void pack_delta_init(struct pack_delta *d)
{
	*d = (struct pack_delta){ .fd = -1 };
}

void pack_delta_release(struct pack_delta *d)
{
	cleanup_fd(&d->fd);
	free(d->patches);
	free(d->rewrites);
	pack_delta_init(d);
}

static int make_temp(struct pool *p, int *ret, struct nf_err *err)
{
	*ret = openat(p->tmp_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return *ret < 0 ? err_sys(err, "cannot create a temporary file in '%s/tmp'",
				  p->dir)
			: 0;
}

/* ---- bases ---- */

/* The size of the NAR; NF_E_MISSING if neither the pool nor the store has it with this
 * hash. On the calling thread. */
static int base_size(const struct patching *a, const struct nf_bundle_required *base,
		     uint64_t *ret, struct nf_err *err)
{
	const struct pack_origin *origin = a->opts->origin;
	AUTO(nf_narinfo_release) struct nf_narinfo ni = { 0 };
	int rc = pool_find(a->pool, &base->path, &ni, err);

	if (rc == -NF_E_MISSING && origin) {
		nf_narinfo_release(&ni);
		nf_narinfo_init(&ni);
		rc = origin->find(origin->ctx, &base->path, &ni.info, err);
	}
	if (!rc && !nf_hash_eq(&ni.info.nar_hash, &base->nar_hash))
		rc = err_set(err, NF_E_MISSING, "it has other content");
	*ret = ni.info.nar_size;
	return rc;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* A base of the same name comes first; otherwise the size decides. */
static const struct nf_bundle_required *choose_base(struct patching *a,
						    const struct base_choice *choice,
						    const struct nf_narinfo *ni)
{
	const struct nf_bundle_required *list[CANDIDATES_MAX], *best = NULL;
	size_t count = base_choice_find(choice, &ni->info.path, list, CANDIDATES_MAX);
	uint64_t best_distance = 0, size;

	for (size_t i = 0; i < count; i++) {
		bool is_same = nf_slice_eq(nf_storepath_name(&list[i]->path),
					   nf_storepath_name(&ni->info.path));

		if (base_size(a, list[i], &size, NULL) ||
		    (best && distance(size, ni->info.nar_size) >= best_distance))
			continue;
		best = list[i];
		best_distance = is_same ? 0 : distance(size, ni->info.nar_size);
	}
	a->unread += count && !best;
	return best;
}

static int add_patch(struct patching *a, const struct base_choice *choice,
		     const struct nf_storepath *path, struct nf_err *err)
{
	struct pack_delta *d = a->delta;
	AUTO(nf_narinfo_release) struct nf_narinfo ni = { 0 };
	const struct nf_bundle_required *base;
	int rc = pool_find(a->pool, path, &ni, err);

	if (rc)
		return rc;
	base = nf_storepath_is_drv(path) ? NULL : choose_base(a, choice, &ni);
	if (!base)
		return 0;
	d->patches[d->count++] = (struct pack_patch){ .path = *path,
						      .base = *base,
						      .file_size = ni.file_size };
	return 0;
}

static int choose_bases(struct patching *a, const struct pool_closure *c,
			struct nf_err *err)
{
	AUTO(base_choice_freep)
	struct base_choice *choice = base_choice_new(a->opts->bases);
	AUTO_FREE uint32_t *by_name = pool_closure_by_name(c);
	int rc = 0;

	a->delta->patches = mem_calloc(c->len + 1, sizeof(*a->delta->patches));
	for (size_t i = 0; !rc && i < c->len; i++) {
		rc = interrupt_check(err);
		if (!rc && !c->nodes[by_name[i]].had)
			rc = add_patch(a, choice, &c->nodes[by_name[i]].path, err);
	}
	return rc;
}

/* What the bases are called in the new paths: of two new paths with one base, the first
 * counts. */
static void make_rewrites(struct pack_delta *d)
{
	struct map seen;

	map_init(&seen);
	d->rewrites = mem_calloc(d->count + 1, sizeof(*d->rewrites));
	for (size_t i = 0; i < d->count; i++) {
		struct nf_bundle_rewrite *r = &d->rewrites[d->rewrite_count];
		struct nf_slice from = nf_storepath_hash(&d->patches[i].base.path);
		bool is_new;

		map_put(&seen, from, &is_new);
		if (!is_new)
			continue;
		memcpy(r->from, from.ptr, from.len);
		memcpy(r->to, nf_storepath_hash(&d->patches[i].path).ptr, from.len);
		d->rewrite_count++;
	}
	map_release(&seen);
}

/* ---- making one ---- */

/* Decodes NAR (taken over) into a file; *RET_HASH is its hash. */
static int flatten(struct patching *a, struct nf_source *nar, struct flat_nar *ret,
		   struct nf_hash *ret_hash, struct nf_err *err)
{
	AUTO(hasher_freep) struct hasher *hasher = hasher_new(NF_SHA256);
	AUTO(source_closep) struct nf_source *in = nar;
	AUTO_FD int fd = -1;
	struct fd_sink sink;
	uint64_t size = 0;
	int rc = make_temp(a->pool, &fd, err);

	if (rc)
		return rc;
	fd_sink_init(&sink, fd, hasher, NULL);
	in = source_tee(in, &sink.sink);
	rc = nar_files_read(&ret->files, in, &size, err);
	if (rc)
		return rc;
	hasher_final(hasher, ret_hash);
	ret->base = delta_base_of_file(TAKE_FD(fd), size);
	return 0;
}

static int pool_source(struct pool *p, const struct nf_narinfo *ni,
		       struct nf_source **ret, struct nf_err *err)
{
	enum codec codec = CODEC_NONE;
	AUTO_FD int fd = -1;
	int rc = pool_open_nar(p, ni, &fd, err);

	if (rc)
		return rc;
	(void)codec_parse(&codec, ni->compression);
	*ret = source_sized(decoder_new(codec, source_of_file(TAKE_FD(fd))),
			    ni->info.nar_size, "its NAR");
	return 0;
}

static int open_base_nar(struct patching *a, const struct nf_bundle_required *base,
			 struct nf_source **ret, struct nf_err *err)
{
	const struct pack_origin *origin = a->opts->origin;
	AUTO(nf_narinfo_release) struct nf_narinfo ni = { 0 };
	int rc = pool_find(a->pool, &base->path, &ni, err);

	if (rc == -NF_E_MISSING && origin)
		return origin->nar(origin->ctx, &base->path, ret, err);
	return rc ? rc : pool_source(a->pool, &ni, ret, err);
}

/* A base that is damaged here is not what the target has. */
static int read_base(struct patching *a, const struct nf_bundle_required *base,
		     struct flat_nar *ret, struct nf_err *err)
{
	struct nf_source *nar = NULL;
	struct nf_hash hash;
	int rc = open_base_nar(a, base, &nar, err);

	if (!rc)
		rc = flatten(a, nar, ret, &hash, err);
	if (!rc && !nf_hash_eq(&hash, &base->nar_hash))
		rc = err_set(err, NF_E_HASH, "its content is not what its hash says");
	nar_files_sort(&ret->files);
	return rc ? err_prefix(err, rc, "base '%s'", base->path.base) : 0;
}

static int read_new(struct patching *a, const struct nf_narinfo *ni, struct flat_nar *ret,
		    struct nf_err *err)
{
	struct nf_source *nar = NULL;
	struct nf_hash hash;
	int rc = pool_source(a->pool, ni, &nar, err);

	if (!rc)
		rc = flatten(a, nar, ret, &hash, err);
	if (!rc && !nf_hash_eq(&hash, &ni->info.nar_hash))
		rc = err_set(err, NF_E_HASH, "its content is not what its hash says");
	return rc ? err_prefix(err, rc, "pool entry '%s'", ni->info.path.base) : 0;
}

/* Appends FD's SIZE bytes to the file of all patches. */
static int keep_patch(struct patching *a, struct pack_patch *patch, int fd,
		      struct nf_err *err)
{
	AUTO(source_closep)
	struct nf_source *in = nf_source_of_fd_range(fd, 0, patch->size);
	struct fd_sink sink;
	int rc;

	fd_sink_init(&sink, a->delta->fd, NULL, NULL);
	pthread_mutex_lock(&a->lock);
	patch->offset = a->end;
	rc = source_copy(in, &sink.sink, err);
	a->end += sink.written;
	pthread_mutex_unlock(&a->lock);
	patch->is_made = rc == 0;
	return rc;
}

static int encode_patch(struct patching *a, struct pack_patch *patch,
			const struct flat_nar *new, const struct flat_nar *base,
			struct nf_err *err)
{
	int level = a->opts->level == POOL_KEEP ? ZSTD_LEVEL_DEFAULT : a->opts->level;
	AUTO(prefix_encoder_freep)
	struct prefix_encoder *encoder = prefix_encoder_new(level);
	AUTO(hasher_freep) struct hasher *hasher = hasher_new(NF_SHA256);
	const struct delta_make_options opts = {
		.nar = new->base,
		.files = &new->files,
		.bases = &base->base,
		.base_files = &base->files,
		.base_count = 1,
		.rewrite = a->rewrite,
		.encoder = encoder,
		.max_size = WORTH(patch->file_size),
	};
	AUTO_FD int fd = -1;
	struct fd_sink sink;
	int rc = make_temp(a->pool, &fd, err);

	if (rc)
		return rc;
	fd_sink_init(&sink, fd, hasher, NULL);
	rc = delta_make(&opts, &sink.sink, err);
	if (rc)
		return rc;
	hasher_final(hasher, &patch->digest);
	patch->size = sink.written;
	return keep_patch(a, patch, fd, err);
}

/* What cannot be a patch is carried whole. */
static int make_patch(struct patching *a, struct pack_patch *patch, struct nf_err *err)
{
	AUTO(nf_narinfo_release) struct nf_narinfo ni = { 0 };
	AUTO(flat_nar_release) struct flat_nar base = { 0 };
	AUTO(flat_nar_release) struct flat_nar new = { 0 };
	struct nf_err why;
	int rc = 0;

	if (patch->file_size <= SMALL_MAX)
		return 0;
	rc = pool_find(a->pool, &patch->path, &ni, err);
	if (rc)
		return rc;
	rc = read_base(a, &patch->base, &base, &why);
	if (rc == -NF_E_HASH || rc == -NF_E_FORMAT || rc == -NF_E_MISSING) {
		progress_note(a->opts->progress, "%s: '%s' is carried whole", why.text,
			      patch->path.base);
		return 0;
	}
	if (rc && err)
		*err = why;
	if (!rc)
		rc = read_new(a, &ni, &new, err);
	if (!rc)
		rc = encode_patch(a, patch, &new, &base, err);
	return rc == -NF_E_LIMIT ? 0 : rc;
}

static bool has_failed(struct patching *a)
{
	bool failed;

	pthread_mutex_lock(&a->lock);
	failed = a->rc != 0;
	pthread_mutex_unlock(&a->lock);
	return failed;
}

static void run_patch(void *job, size_t worker)
{
	struct patch_job *j = job;
	struct patching *a = j->all;
	struct nf_err err;
	int item, rc;

	(void)worker;
	if (has_failed(a))
		return;
	item = progress_begin(a->opts->progress, "compare",
			      j->patch->path.base + NF_STOREPATH_HASH_LEN + 1);
	rc = make_patch(a, j->patch, &err);
	progress_end(a->opts->progress, item);
	progress_add(a->opts->progress, PROGRESS_PATHS_DONE, 1);
	if (!rc)
		return;
	pthread_mutex_lock(&a->lock);
	if (!a->rc) {
		a->rc = rc;
		a->err = err;
	}
	pthread_mutex_unlock(&a->lock);
}

static int make_patches(struct patching *a, struct nf_err *err)
{
	struct pack_delta *d = a->delta;
	size_t threads = a->opts->jobs ? a->opts->jobs : workers_cpu_count();
	AUTO_FREE struct patch_job *jobs = mem_calloc(d->count + 1, sizeof(*jobs));
	struct workers *w = workers_new(threads, 4 * threads);

	progress_restart(a->opts->progress);
	progress_phase(a->opts->progress, "comparing");
	progress_add(a->opts->progress, PROGRESS_PATHS_TOTAL, d->count);
	for (size_t i = 0; i < d->count; i++) {
		jobs[i] = (struct patch_job){ a, &d->patches[i] };
		workers_submit(w, run_patch, &jobs[i]);
	}
	workers_free(w);
	if (a->rc && err)
		*err = a->err;
	return a->rc;
}

static void note_unread(const struct patching *a)
{
	if (a->unread)
		progress_note(
			a->opts->progress,
			"%zu %s carried whole: what the target has in %s place is neither in the pool nor in the store",
			a->unread, plural(a->unread, "path is", "paths are"),
			plural(a->unread, "its", "their"));
}

int pack_delta_make(struct pack_delta *d, struct pool *p, const struct pool_closure *c,
		    const struct pack_options *opts, struct nf_err *err)
{
	struct patching a = { .delta = d, .pool = p, .opts = opts };
	int rc;

	if (!opts->bases || !opts->bases->count)
		return 0;
	rc = make_temp(p, &d->fd, err);
	if (!rc)
		rc = choose_bases(&a, c, err);
	if (rc)
		return rc;
	note_unread(&a);
	make_rewrites(d);
	a.rewrite = hash_rewrite_new(d->rewrites, d->rewrite_count);
	pthread_mutex_init(&a.lock, NULL);
	rc = make_patches(&a, err);
	pthread_mutex_destroy(&a.lock);
	hash_rewrite_free(a.rewrite);
	return rc;
}

static int cmp_patch(const void *key, const void *patch)
{
	return nf_storepath_cmp(key, &((const struct pack_patch *)patch)->path);
}

const struct pack_patch *pack_delta_find(const struct pack_delta *d,
					 const struct nf_storepath *path)
{
	const struct pack_patch *p =
		d->count ? bsearch(path, d->patches, d->count, sizeof(*p), cmp_patch)
			 : NULL;

	return p && p->is_made ? p : NULL;
}

/* Named after the NAR: patches of different NARs may have the same bytes, such as all
 * that copy a base of one size. */
void pack_delta_input(struct nf_bundle_input *input, const struct nf_hash *nar_hash,
		      const struct pack_patch *patch)
{
	char digest[64];

	nix32_encode(digest, nar_hash->bytes, nf_hash_size(NF_SHA256));
	snprintf(input->name, sizeof(input->name), "nar/%s.nar.patch", digest);
	input->size = patch->size;
	input->digest = patch->digest;
	input->file_offset = patch->offset;
	input->bases[0] = &patch->base.path;
	input->base_count = 1;
}
