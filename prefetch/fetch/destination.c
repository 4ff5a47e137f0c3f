#include "fetch/destination.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/progress_source.h"
#include "base/stream.h"
#include "base/workers.h"
#include "format/nar_checked.h"

/* An unpacked NAR is not safe before it is registered: if the run is killed first, the
 * next one needs it again. So the compressed download stays in the pool's tmp/ until
 * then, where the next run finds it complete. That costs no writing, because most
 * downloads are removed before they reach the disk. But it costs memory, which is slow to
 * use for the first time on a virtual machine. Therefore the total is limited to this
 * size, which exceeds what a slow link brings until the next registration. Downloads
 * beyond it may have to be fetched again. */
#define KEPT_MAX (64 * MIB)

struct destination {
	struct pool *pool;
	int level;
	struct intake *intake; /* NULL for the pool */
	struct progress *progress;
	atomic_ullong kept; /* total size of downloads that are unpacked */
	struct nf_pathinfo *sigs;
	size_t sigs_len, sigs_cap;
	/* A single thread registers while others continue. */
	struct workers *registrar;
	int64_t registered_at;
	int rc; /* of its last job, while it has none */
	struct nf_err err;
};

static void forget_download(void *ctx, const char *id)
{
	struct destination *d = ctx;

	atomic_fetch_sub(&d->kept, pool_partial_remove(d->pool, id));
}

static bool is_there(void *ctx, const struct nf_storepath *path)
{
	struct destination *d = ctx;
	struct nf_narinfo ni;
	bool ret;

	ret = !pool_find(d->pool, path, &ni, NULL);
	nf_narinfo_release(&ni);
	if (ret || !d->intake)
		return ret;
	return !intake_is_valid(d->intake, path, &ret, NULL) && ret;
}

void destination_sweep(struct destination *d)
{
	pool_partial_sweep(d->pool, is_there, d);
}

struct destination *destination_new(struct pool *pool, int level, struct intake *intake,
				    struct progress *progress)
{
	struct destination *d = mem_calloc(1, sizeof(*d));

	d->pool = pool;
	d->level = level;
	d->intake = intake;
	d->progress = progress;
	pool_set_progress(pool, progress);
	if (!intake)
		return d;
	d->registrar = workers_new(1, 1);
	d->registered_at = -1;
	intake_on_registered(intake, forget_download, d);
	return d;
}

void destination_free(struct destination *d)
{
	if (!d)
		return;
	workers_free(d->registrar);
	if (d->intake)
		intake_on_registered(d->intake, NULL, NULL);
	for (size_t i = 0; i < d->sigs_len; i++)
		nf_pathinfo_release(&d->sigs[i]);
	free(d->sigs);
	free(d);
}

void destination_allow_gc(struct destination *d)
{
	if (d->intake)
		intake_allow_gc(d->intake);
}

const char *destination_verb(const struct destination *d)
{
	if (d->intake)
		return "unpack";
	return d->level == POOL_KEEP ? "verify" : "compress";
}

const char *destination_phase(const struct destination *d)
{
	if (d->intake)
		return "unpacking";
	return d->level == POOL_KEEP ? "verifying" : "compressing";
}

bool destination_is_store(const struct destination *d)
{
	return d->intake != NULL;
}

const char *destination_name(const struct destination *d)
{
	return d->intake ? intake_root(d->intake) : "pool";
}

/* ---- what is present ---- */

static int find_in_store(struct destination *d, const struct nf_storepath *path,
			 const struct nf_keyring *keys, struct nf_narinfo *ni,
			 struct nf_trusted *t, struct nf_err *err)
{
	int rc;

	nf_narinfo_init(ni);
	rc = intake_find(d->intake, path, true, &ni->info, err);
	if (!rc && nf_trust_pathinfo(t, &ni->info, keys, NULL))
		nf_trust_by_store(t, &ni->info);
	return rc;
}

int destination_find(struct destination *d, const struct nf_storepath *path,
		     const struct nf_keyring *keys, struct nf_narinfo *ni,
		     struct nf_trusted *t, struct nf_err *err)
{
	int rc;

	if (d->intake)
		return find_in_store(d, path, keys, ni, t, err);
	rc = pool_find(d->pool, path, ni, err);
	return rc ? rc : nf_trust_pathinfo(t, &ni->info, keys, err);
}

int destination_check(struct destination *d, const char *base, const uint8_t *nar_hash,
		      struct nf_err *err)
{
	return d->intake ? intake_check_lost(d->intake, nf_slice_str(base), nar_hash, err)
			 : 0;
}

void destination_each_lost(struct destination *d, void (*fn)(void *ctx, const char *base),
			   void *ctx)
{
	if (d->intake)
		intake_each_lost(d->intake, fn, ctx);
}

const char *destination_dir(const struct destination *d)
{
	return d->intake ? intake_root(d->intake) : pool_dir(d->pool);
}

int destination_check_space(const struct destination *d, uint64_t bytes, uint64_t paths,
			    struct nf_err *err)
{
	return d->intake ? intake_check_space(d->intake, bytes, paths, err) : 0;
}

/* ---- storing ---- */

/* The encoding in a narinfo is a hint. IN stays the caller's, even after a failure. */
static int detect(struct nf_source **in, enum codec *codec, struct nf_err *err)
{
	struct nf_slice begin;
	int rc = source_peek(in, &begin, err);

	if (!rc)
		*codec = codec_detect(*codec, begin);
	return rc;
}

static int unpack(struct destination *d, const struct nf_trusted *t, enum codec codec,
		  struct nf_source *in, struct intake_tree *tree, struct nf_err *err)
{
	AUTO(source_closep)
	struct nf_source *nar =
		progress_source(nar_checked_source(decoder_new(codec, in), t),
				d->progress, PROGRESS_WORK_DONE);

	return intake_unpack(d->intake, t->info, nar, tree, err);
}

int destination_put(struct destination *d, const struct nf_trusted *t, enum codec codec,
		    struct nf_source *in, bool made_here, struct nf_err *err)
{
	struct intake_tree tree = { 0 };
	int level = d->level;
	int rc;

	rc = detect(&in, &codec, err);
	if (rc) {
		source_close(in);
		return rc;
	}
	if (level == POOL_KEEP && made_here)
		level = ZSTD_LEVEL_DEFAULT;
	if (!d->intake)
		return pool_ingest(d->pool,
				   &(struct pool_input){ .trusted = t,
							 .codec = codec,
							 .source = in,
							 .level = level },
				   err);
	rc = unpack(d, t, codec, in, &tree, err);
	if (!rc)
		intake_add(d->intake, t->info, &tree, NULL);
	return rc;
}

/* Closes the download and returns the ID by which it is found again (free()); NULL if it
 * is gone. */
static char *put_aside(struct destination *d, struct pool_partial *pp)
{
	uint64_t size = byte_ranges_total(&pp->state.ranges);
	char *id = pool_partial_id(pp);

	if (id && atomic_fetch_add(&d->kept, size) + size > KEPT_MAX) {
		atomic_fetch_sub(&d->kept, size);
		free(TAKE_PTR(id));
	}
	/* If this fails, only the age of the download will show that it is useless. */
	if (id)
		(void)!pool_partial_note_path(d->pool, pp, NULL);
	if (id)
		pool_partial_keep(d->pool, pp);
	else
		pool_partial_discard(d->pool, pp);
	return id;
}

int destination_put_partial(struct destination *d, const struct nf_trusted *t,
			    enum codec codec, struct pool_partial *pp,
			    struct nf_source *in, struct nf_err *err)
{
	struct intake_tree tree = { 0 };
	int rc = detect(&in, &codec, err);

	if (rc) {
		source_close(in);
		return rc;
	}
	if (!d->intake)
		return pool_ingest_partial(d->pool,
					   &(struct pool_input){ .trusted = t,
								 .codec = codec,
								 .source = in,
								 .level = d->level },
					   pp, err);
	rc = unpack(d, t, codec, in, &tree, err);
	if (!rc)
		intake_add(d->intake, t->info, &tree, put_aside(d, pp));
	return rc;
}

void destination_offer_sigs(struct destination *d, const struct nf_pathinfo *info)
{
	MEM_GROW(d->sigs, d->sigs_len, d->sigs_cap);
	nf_pathinfo_copy(&d->sigs[d->sigs_len++], info);
}

/* ---- registering ---- */

static void register_job(void *job, size_t worker)
{
	struct destination *d = job;

	(void)worker;
	d->rc = intake_register(d->intake, &d->err);
}

static int registered(const struct destination *d, struct nf_err *err)
{
	if (d->rc && err)
		*err = d->err;
	return d->rc;
}

int destination_pump(struct destination *d, int64_t now_ms, struct nf_err *err)
{
	if (!d->intake || workers_pending(d->registrar))
		return 0;
	if (d->registered_at < 0)
		d->registered_at = now_ms;
	if (d->rc || now_ms - d->registered_at < INTAKE_REGISTER_SECONDS * 1000)
		return registered(d, err);
	d->registered_at = now_ms;
	if (intake_waiting(d->intake))
		workers_submit(d->registrar, register_job, d);
	return 0;
}

static int add_sigs(struct destination *d, struct nf_err *err)
{
	AUTO_FREE const struct nf_pathinfo **infos =
		mem_calloc(d->sigs_len, sizeof(struct nf_pathinfo *));

	for (size_t i = 0; i < d->sigs_len; i++)
		infos[i] = &d->sigs[i];
	return intake_add_sigs(d->intake, infos, d->sigs_len, err);
}

int destination_finish(struct destination *d, struct nf_err *err)
{
	int rc;

	if (!d->intake)
		return pool_flush(d->pool, err);
	workers_wait(d->registrar, -1);
	rc = registered(d, err);
	if (!rc)
		rc = intake_register(d->intake, err);
	return rc ? rc : add_sigs(d, err);
}

int destination_why_waiting(struct destination *d, struct nf_err *err)
{
	return d->intake ? intake_why_waiting(d->intake, err) : 0;
}
