#include <nixferry/pack.h>

#include "base/watch.h"
#include "pool/pack.h"
#include "store/local_store.h"

static int find_path(void *ctx, const struct nf_storepath *path, struct nf_pathinfo *info,
		     struct nf_err *err)
{
	return local_store_find(ctx, path, info, err);
}

static int open_nar(void *ctx, const struct nf_storepath *path, struct nf_source **ret,
		    struct nf_err *err)
{
	return local_store_nar(ctx, path, ret, err);
}

static int check_given(const struct nf_pack_options *o, struct nf_err *err)
{
	if (!o->pool_dir || !o->key || !o->root_count)
		return err_set(err, NF_E_USAGE, "a bundle needs a pool, a key and roots");
	if (o->level < POOL_KEEP || o->level > ZSTD_LEVEL_MAX)
		return err_set(err, NF_E_USAGE, "level %d is not one of 0 to %d",
			       o->level, ZSTD_LEVEL_MAX);
	return 0;
}

int nf_pack(const char *output, const struct nf_pack_options *opts,
	    struct nf_pack_result *ret, struct nf_err *err)
{
	AUTO(watcher_freep) struct watcher *w = watcher_start(opts->watch);
	AUTO(pool_freep) struct pool *pool = NULL;
	AUTO(local_store_freep) struct local_store *store = NULL;
	struct pack_origin origin = { .find = find_path, .nar = open_nar };
	AUTO(inventory_release) struct inventory bases = { 0 };
	const struct pack_options pack = {
		.roots = opts->roots,
		.root_count = opts->root_count,
		.key = opts->key,
		.level = opts->level,
		.origin = opts->from_store ? &origin : NULL,
		.keys = opts->keys,
		.sign_all = opts->sign_all,
		.terms = opts->terms,
		.bases = &bases,
		.jobs = opts->jobs,
		.progress = watcher_progress(w),
	};
	int rc = check_given(opts, err);

	inventory_init(&bases, opts->bases, opts->base_count);
	if (!rc)
		rc = pool_open(&pool, opts->pool_dir, err);
	if (!rc && opts->from_store)
		rc = local_store_open(&store, opts->from_store, err);
	origin.ctx = store;
	return rc ? rc : pack_bundle(pool, output, &pack, ret, err);
}
