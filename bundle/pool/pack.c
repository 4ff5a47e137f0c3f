#include "pool/pack.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/encoding.h"
#include "base/hash.h"
#include "base/interrupt.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/stream.h"
#include "base/workers.h"
#include "format/bundle_keys.h"
#include "format/bundle_write.h"
#include "format/drv_nar.h"
#include "format/key_needs.h"
#include "format/left_out.h"
#include "pool/pack_delta.h"
#include "pool/pack_output.h"
#include "pool/pack_sigs.h"
#include "pool/pool_closure.h"
#include "pool/pool_private.h"

struct pack {
	struct pool *pool;
	const struct pack_options *opts;
	struct pool_closure closure;
	struct inventory have;	      /* what targets have */
	struct nf_bundle_terms terms; /* without what it requires */
	struct nf_pack_result result;
	struct nf_keyring *own; /* public half of the signing key */
	struct nf_keyring *all; /* that key and the trusted keys */
	struct key_survey *survey;
	struct buf cache_info;
	/* members of the bundle: nix-cache-info, narinfos by name, NARs in import
	 * order */
	struct nf_bundle_input *inputs;
	size_t input_count;
	size_t sigs_left_out;
	struct map nars;    /* maps a NarHash to its index in inputs */
	enum codec *codecs; /* for each input that is a NAR */
	struct pack_delta delta;
	const struct pack_patch **patches; /* for each input that is a patch */
	/* the threads that encode */
	struct workers *workers;
	pthread_mutex_t lock; /* guards everything below */
	size_t left_out;      /* metadata that the origin has but was dropped */
	int rc;
	struct nf_err err;
};

/* ---- completing the pool ---- */

/* An entry to be re-encoded or, with IS_NEW, to be created from the origin. */
struct encode {
	struct pack *pack;
	struct nf_pathinfo info;
	bool is_new;
};

static bool is_encoded_so(const struct nf_narinfo *ni, int level)
{
	return level == POOL_KEEP ||
	       (ni->level == level && nf_slice_is(ni->compression, "zstd"));
}

static bool has_failed(struct pack *pk)
{
	bool failed;

	pthread_mutex_lock(&pk->lock);
	failed = pk->rc != 0;
	pthread_mutex_unlock(&pk->lock);
	return failed;
}

static int reencode(struct pack *pk, const struct nf_storepath *path, struct nf_err *err)
{
	struct nf_narinfo ni;
	int rc;

	rc = pool_find(pk->pool, path, &ni, err);
	if (!rc)
		rc = pool_reencode(pk->pool, &ni, pk->opts->level, err);
	nf_narinfo_release(&ni);
	return rc;
}

static int take_from_origin(struct pack *pk, struct nf_pathinfo *info, struct nf_err *err)
{
	const struct pack_options *opts = pk->opts;
	/* No cache served it, so there is no encoding to keep. */
	int level = opts->level == POOL_KEEP ? ZSTD_LEVEL_DEFAULT : opts->level;
	struct nf_source *nar;
	struct nf_trusted t;
	int rc;

	rc = opts->origin->nar(opts->origin->ctx, &info->path, &nar, err);
	if (rc)
		return err_prefix(err, rc, "path '%s'", info->path.base);
	if (!opts->keys || nf_trust_pathinfo(&t, info, opts->keys, NULL))
		nf_trust_by_store(&t, info);
	rc = pool_ingest(pk->pool,
			 &(struct pool_input){ .trusted = &t,
					       .codec = CODEC_NONE,
					       .source = nar,
					       .level = level },
			 err);
	return rc ? err_prefix(err, rc, "path '%s'", info->path.base) : 0;
}

static void encode_free(struct encode *e)
{
	nf_pathinfo_release(&e->info);
	free(e);
}

static void encode_job(void *job, size_t worker)
{
	struct encode *e = job;
	struct pack *pk = e->pack;
	struct nf_err err;
	int rc;

	(void)worker;
	if (!has_failed(pk)) {
		int item = progress_begin(pk->opts->progress, "compress",
					  e->info.path.base + NF_STOREPATH_HASH_LEN + 1);

		rc = interrupt_check(&err);
		if (!rc)
			rc = e->is_new ? take_from_origin(pk, &e->info, &err)
				       : reencode(pk, &e->info.path, &err);
		progress_end(pk->opts->progress, item);
		progress_add(pk->opts->progress, PROGRESS_PATHS_DONE, 1);
		pthread_mutex_lock(&pk->lock);
		pk->left_out += e->info.left_out;
		if (rc && !pk->rc) {
			pk->rc = rc;
			pk->err = err;
		}
		pthread_mutex_unlock(&pk->lock);
	}
	encode_free(e);
}

static struct encode *encode_new(struct pack *pk, const struct nf_pathinfo *info,
				 bool is_new)
{
	struct encode *e = mem_calloc(1, sizeof(*e));

	e->pack = pk;
	e->is_new = is_new;
	nf_pathinfo_copy(&e->info, info);
	return e;
}

static void submit(struct pack *pk, struct encode *e)
{
	if (!pk->workers) {
		size_t jobs = pk->opts->jobs ? pk->opts->jobs : workers_cpu_count();

		progress_phase(pk->opts->progress, "compressing");
		pk->workers = workers_new(jobs, 4 * jobs);
	}
	progress_add(pk->opts->progress, PROGRESS_PATHS_TOTAL, 1);
	progress_add(pk->opts->progress, PROGRESS_WORK_TOTAL, e->info.nar_size);
	workers_submit(pk->workers, encode_job, e);
}

/* An entry made by another program or an earlier version may contain something that the
 * importer would refuse. */
static int check_drv(struct pack *pk, const struct nf_narinfo *ni, struct nf_err *err)
{
	AUTO(source_closep) struct nf_source *nar = NULL;
	AUTO_FD int fd = -1;
	enum codec codec;
	uint64_t inodes;
	int rc = pool_open_nar(pk->pool, ni, &fd, err);

	if (rc || !codec_parse(&codec, ni->compression))
		return rc;
	nar = decoder_new(codec, nf_source_of_fd_range(fd, 0, ni->file_size));
	rc = drv_nar_check(&ni->info.path, nar, &inodes, err);
	return rc ? err_prefix(err, rc, "path '%s'", ni->info.path.base) : 0;
}

static int find_narinfo(void *ctx, const struct nf_storepath *path, struct nf_narinfo *ni,
			struct nf_err *err)
{
	struct pack *pk = ctx;
	const struct pack_origin *origin = pk->opts->origin;
	bool is_new;
	int rc;

	rc = pool_find(pk->pool, path, ni, err);
	if (!rc)
		pool_mark_used(pk->pool, path);
	if (!rc && nf_storepath_is_drv(path))
		rc = check_drv(pk, ni, err);
	is_new = rc == -NF_E_MISSING && origin;
	if (is_new) {
		nf_narinfo_release(ni);
		rc = origin->find(origin->ctx, path, &ni->info, err);
	}
	if (!rc && (is_new || !is_encoded_so(ni, pk->opts->level)))
		submit(pk, encode_new(pk, &ni->info, is_new));
	return rc;
}

/* Finds the closure and makes sure that the pool has all of it, in the requested
 * encoding. */
static int prepare(struct pack *pk, struct nf_err *err)
{
	const struct pack_options *opts = pk->opts;
	int rc;

	rc = pool_closure_walk(&pk->closure, opts->roots, opts->root_count, find_narinfo,
			       pk, err);
	if (!pk->workers)
		return rc;
	if (rc) {
		pthread_mutex_lock(&pk->lock);
		pk->rc = rc; /* the queued work is no longer needed */
		pthread_mutex_unlock(&pk->lock);
	}
	workers_free(TAKE_PTR(pk->workers));
	if (rc)
		return rc;
	left_out_note(opts->progress, "the store", pk->left_out);
	if (pk->rc) {
		if (err)
			*err = pk->err;
		return pk->rc;
	}
	return pool_flush(pk->pool, err);
}

/* ---- members ---- */

static void bytes_input(struct pack *pk, size_t index, const char *name,
			const char *bytes, size_t len)
{
	struct nf_bundle_input *input = &pk->inputs[index];

	snprintf(input->name, sizeof(input->name), "%s", name);
	input->bytes = bytes;
	input->size = len;
	hash_bytes(&input->digest, NF_SHA256, bytes, len);
}

static int open_nar(void *ctx, size_t index, int *ret_fd, struct nf_err *err)
{
	struct pack *pk = ctx;
	const struct nf_bundle_input *input = &pk->inputs[index];
	char url[POOL_URL_MAX];

	if (pk->patches[index]) {
		*ret_fd = fcntl(pk->delta.fd, F_DUPFD_CLOEXEC, 0);
		return *ret_fd < 0 ? err_sys(err, "the file of patches") : 0;
	}
	pool_url(url, &input->digest, pk->codecs[index]);
	return pool_open_file(pk->pool, url + POOL_URL_FILE, input->size, ret_fd, err);
}

static void file_input(struct pack *pk, size_t index, const struct nf_narinfo *ni)
{
	struct nf_bundle_input *input = &pk->inputs[index];
	char url[POOL_URL_MAX];

	codec_parse(&pk->codecs[index], ni->compression);
	snprintf(input->name, sizeof(input->name), "%s",
		 pool_url(url, &ni->info.nar_hash, pk->codecs[index]));
	input->size = ni->file_size;
	input->digest = ni->file_hash;
	input->has_xxh3 = true;
	memcpy(input->xxh3, ni->xxh3, sizeof(input->xxh3));
}

/* The member of a NAR, created for the first path that has it. Other paths share it, even
 * if their own entry has another encoding. */
static size_t nar_input(struct pack *pk, const struct nf_narinfo *ni)
{
	struct nf_slice key = arena_slice(
		&pk->closure.arena,
		nf_slice((const char *)ni->info.nar_hash.bytes, nf_hash_size(NF_SHA256)));
	const struct pack_patch *patch = pack_delta_find(&pk->delta, &ni->info.path);
	struct nf_bundle_input *input;
	uintptr_t *value;
	bool new;

	value = map_put(&pk->nars, key, &new);
	if (!new)
		return *value;
	*value = pk->input_count;
	input = &pk->inputs[pk->input_count];
	pk->patches[pk->input_count] = patch;
	if (patch)
		pack_delta_input(input, &ni->info.nar_hash, patch);
	else
		file_input(pk, pk->input_count, ni);
	pk->result.patches += patch != NULL;
	input->inodes = ni->inodes;
	input->open = open_nar;
	return pk->input_count++;
}

/* The narinfo in the bundle: file size and hash are those of the member, fields of the
 * pool are removed, and the order of signatures is independent of their arrival. */
static char *bundle_narinfo(struct pack *pk, struct nf_narinfo *ni, size_t *ret_len)
{
	size_t index = nar_input(pk, ni);
	const struct nf_bundle_input *nar = &pk->inputs[index];

	if (!ni->info.nsigs || ni->by_store || pk->opts->sign_all)
		pack_sigs_sign(&ni->info, pk->opts->key);
	pk->sigs_left_out += pack_sigs_limit(&ni->info, pk->all);
	key_survey_add(pk->survey, &ni->info);
	pack_sigs_sort(&ni->info);
	ni->url = nf_slice_str(nar->name);
	ni->compression = nf_slice_str(
		pk->patches[index] ? NF_BUNDLE_PATCH : codec_name(pk->codecs[index]));
	ni->has_file_hash = true;
	ni->file_hash = nar->digest;
	ni->file_size = nar->size;
	ni->inodes = 0;
	ni->has_xxh3 = false;
	ni->level = 0;
	ni->by_store = false;
	return nf_narinfo_format(ni, ret_len);
}

static int add_path(struct pack *pk, const struct nf_storepath *path, size_t index,
		    struct nf_err *err)
{
	AUTO(nf_narinfo_release) struct nf_narinfo ni = { 0 };
	char name[POOL_INFO_NAME_MAX];
	AUTO_FREE char *text = NULL;
	size_t len;
	int rc;

	rc = pool_find(pk->pool, path, &ni, err);
	if (rc)
		return rc;
	if (!is_encoded_so(&ni, pk->opts->level))
		return err_set(
			err, NF_E_SYS,
			"pool entry '%s': another process has re-encoded it: try again",
			path->base);
	text = bundle_narinfo(pk, &ni, &len);
	rc = pack_sigs_check(&ni.info, pk->all, err);
	if (rc)
		return rc;
	bytes_input(pk, index, pool_info_name(name, nf_storepath_hash(path)),
		    arena_strndup(&pk->closure.arena, text, len), len);
	pk->result.paths++;
	pk->result.nar_bytes += ni.info.nar_size;
	return 0;
}

static int add_paths(struct pack *pk, const uint32_t *by_name, const uint32_t *order,
		     struct nf_err *err)
{
	size_t count = 0, all = pk->closure.len;
	const struct pool_closure_node *nodes = pk->closure.nodes;
	AUTO_FREE uint32_t *rank = mem_calloc(all, sizeof(*rank));
	int rc = 0;

	for (size_t i = 0; i < all; i++)
		if (!nodes[by_name[i]].had)
			rank[by_name[i]] = (uint32_t)count++;
	pk->inputs = mem_calloc(1 + 2 * count, sizeof(*pk->inputs));
	pk->codecs = mem_calloc(1 + 2 * count, sizeof(*pk->codecs));
	pk->patches = mem_calloc(1 + 2 * count, sizeof(*pk->patches));
	pk->input_count = 1 + count;
	for (size_t i = 0; !rc && i < all; i++)
		if (!nodes[order[i]].had)
			rc = add_path(pk, &nodes[order[i]].path, 1 + rank[order[i]], err);
	return rc;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The keys that the bundle lists: its own, and others that an importer needs. */
static void add_cache_info(struct pack *pk)
{
	const struct nf_key_needs *needs = &pk->result.needs;
	const char *keys[BUNDLE_KEYS_MAX];
	size_t count = 0;

	keys[count++] = pk->result.own_key;
	for (size_t i = 0; i < needs->count && count < BUNDLE_KEYS_MAX; i++)
		if (needs->items[i].text)
			keys[count++] = needs->items[i].text;
	qsort(keys, count, sizeof(*keys), compare_keys);
	buf_add_str(&pk->cache_info, POOL_CACHE_INFO);
	for (size_t i = 0; i < count; i++)
		bundle_keys_add_line(&pk->cache_info, keys[i]);
	bytes_input(pk, 0, "nix-cache-info", pk->cache_info.ptr, pk->cache_info.len);
}

static int make_inputs(struct pack *pk, struct nf_err *err)
{
	AUTO_FREE uint32_t *by_name = pool_closure_by_name(&pk->closure);
	AUTO_FREE uint32_t *order = NULL;
	int rc;

	rc = pool_closure_order(&pk->closure, by_name, &order, err);
	if (!rc)
		rc = add_paths(pk, by_name, order, err);
	if (rc)
		return rc;
	left_out_note(pk->opts->progress, "the bundle", pk->sigs_left_out);
	key_survey_finish(pk->survey, &pk->result.needs);
	add_cache_info(pk);
	return 0;
}

/* ---- output ---- */

static int compare_paths(const void *a, const void *b)
{
	return nf_storepath_cmp(a, b);
}

/* What packed paths refer to, and the bases of patches. */
static void make_required(const struct pack *pk, struct inventory *ret)
{
	const struct pool_closure *c = &pk->closure;

	for (size_t i = 0; i < c->len; i++)
		if (c->nodes[i].had)
			inventory_add(ret, &c->nodes[i].path, &c->nodes[i].had->nar_hash);
	for (size_t i = 0; i < pk->input_count; i++)
		if (pk->patches[i])
			inventory_add(ret, &pk->patches[i]->base.path,
				      &pk->patches[i]->base.nar_hash);
	inventory_sort(ret);
}

static int write_bundle(void *ctx, int fd, const char *name, struct nf_err *err)
{
	struct pack *pk = ctx;
	size_t root_count = pk->opts->root_count;
	AUTO_FREE struct nf_storepath *roots =
		mem_dup(pk->opts->roots, root_count * sizeof(*roots));
	struct nf_bundle_terms terms = pk->terms;
	AUTO(inventory_release) struct inventory required = { 0 };
	const struct nf_bundle_write_options opts = {
		.inputs = pk->inputs,
		.input_count = pk->input_count,
		.roots = roots,
		.root_count = root_count,
		.key = pk->opts->key,
		.terms = &terms,
		.open_ctx = pk,
		.jobs = pk->opts->jobs,
		.ret_size = &pk->result.bundle_bytes,
	};

	make_required(pk, &required);
	terms.required = required.items;
	terms.required_count = required.count;
	if (pk->result.patches) {
		terms.rewrites = pk->delta.rewrites;
		terms.rewrite_count = pk->delta.rewrite_count;
	}
	pk->result.required = terms.required_count;
	qsort(roots, root_count, sizeof(*roots), compare_paths);
	progress_set(pk->opts->progress, PROGRESS_BYTES_TOTAL, 0);
	progress_set(pk->opts->progress, PROGRESS_BYTES_DONE, 0);
	progress_phase(pk->opts->progress, "packing");
	return bundle_write(fd, name, &opts, pk->opts->progress, err);
}

void nf_pack_result_release(struct nf_pack_result *r)
{
	nf_key_needs_release(&r->needs);
	free(r->own_key);
	r->own_key = NULL;
}

static void pack_init(struct pack *pk)
{
	const struct pack_options *opts = pk->opts;
	struct key_survey_rings rings = { .others = { opts->keys } };

	pk->result.own_key = nf_secret_key_public(opts->key);
	rings.own = pk->own = nf_keyring_new();
	(void)!nf_keyring_add(pk->own, nf_slice_str(pk->result.own_key), NULL);
	pk->all = nf_keyring_new();
	(void)!nf_keyring_add(pk->all, nf_slice_str(pk->result.own_key), NULL);
	if (opts->keys)
		nf_keyring_add_all(pk->all, opts->keys);
	pk->survey = key_survey_new(&rings);
	buf_init(&pk->cache_info, NIX_CACHE_INFO_MAX);
	pool_closure_init(&pk->closure);
	if (opts->terms)
		pk->terms = *opts->terms;
	inventory_init(&pk->have, pk->terms.required, pk->terms.required_count);
	pk->closure.have = &pk->have;
	pk->terms.required_count = 0;
	map_init(&pk->nars);
	pack_delta_init(&pk->delta);
	pthread_mutex_init(&pk->lock, NULL);
}

static void pack_release(struct pack *pk)
{
	pthread_mutex_destroy(&pk->lock);
	map_release(&pk->nars);
	pool_closure_release(&pk->closure);
	inventory_release(&pk->have);
	key_survey_free(pk->survey);
	nf_keyring_free(pk->own);
	nf_keyring_free(pk->all);
	buf_release(&pk->cache_info);
	nf_pack_result_release(&pk->result);
	free(pk->inputs);
	free(pk->codecs);
	free(pk->patches);
	pack_delta_release(&pk->delta);
}

int pack_bundle(struct pool *p, const char *output, const struct pack_options *opts,
		struct nf_pack_result *ret, struct nf_err *err)
{
	struct pack pk = { .pool = p, .opts = opts };
	int rc;

	pack_init(&pk);
	pool_set_progress(p, opts->progress);
	rc = pack_output_check(output, true, err);
	if (!rc)
		rc = prepare(&pk, err);
	if (!rc)
		rc = pack_delta_make(&pk.delta, p, &pk.closure, opts, err);
	if (!rc)
		rc = make_inputs(&pk, err);
	if (!rc)
		rc = pack_output_write(output, write_bundle, &pk, err);
	if (!rc) {
		*ret = pk.result;
		pk.result = (struct nf_pack_result){ 0 };
	}
	pack_release(&pk);
	return rc;
}
