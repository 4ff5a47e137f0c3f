#include <fcntl.h>
#include <nixferry/nar.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/progress_source.h"
#include "base/stream.h"
#include "format/drv_nar.h"
#include "format/nar_checked.h"
#include "pool/pool_private.h"

/* The file for an entry's NAR: its running digests, and their results. */
struct stored {
	struct hasher *sha256;
	struct xxh3 *xxh3;
	enum codec codec;
	int level;
	uint64_t size;
	uint64_t inodes;
};

/* One NAR on its way into the pool. */
struct pool_job {
	struct pool *pool;
	const struct pool_input *in;
	struct pool_pending *entry; /* NULL once the committer has taken it */
	struct stored file;
};

static void ingest_init(struct pool_job *g, struct pool *p, const struct pool_input *in)
{
	*g = (struct pool_job){
		.pool = p,
		.in = in,
		.entry = pool_pending_new(&in->trusted->info->path),
		.file = { .sha256 = hasher_new(NF_SHA256),
			  .xxh3 = xxh3_new(),
			  .codec = in->codec },
	};
}

static void ingest_release(struct pool_job *g)
{
	pool_pending_free(g->entry);
	hasher_free(g->file.sha256);
	xxh3_free(g->file.xxh3);
}

/* ---- encoders ---- */

/* Returns an encoder of this level. Unused encoders of another level are freed. */
static struct zstd_encoder *take_encoder(struct pool_encoders *pe, int level)
{
	struct zstd_encoder *found = NULL;

	pthread_mutex_lock(&pe->lock);
	while (!found && pe->len) {
		struct pool_encoder last = pe->list[--pe->len];

		if (last.level == level)
			found = last.encoder;
		else
			zstd_encoder_free(last.encoder);
	}
	pthread_mutex_unlock(&pe->lock);
	return found ? found : zstd_encoder_new(level);
}

static void give_encoder(struct pool_encoders *pe, int level, struct zstd_encoder *e)
{
	pthread_mutex_lock(&pe->lock);
	MEM_GROW(pe->list, pe->len, pe->cap);
	pe->list[pe->len++] = (struct pool_encoder){ e, level };
	pthread_mutex_unlock(&pe->lock);
}

/* ---- re-encoding and keeping ---- */

/* SOURCE (taken over), decoded, verified and counted as progress. */
static struct nf_source *verified_nar(struct pool_job *g, struct nf_source *source)
{
	struct nf_source *nar = decoder_new(g->in->codec, source);

	return progress_source(nar_checked_source(nar, g->in->trusted), g->pool->progress,
			       PROGRESS_WORK_DONE);
}

/* Decodes, verifies, checks the structure and encodes into the entry's file, in one pass.
 * Succeeds only if all bytes are as promised. */
static int store_encoded(struct pool_job *g, struct nf_err *err)
{
	const struct nf_pathinfo *info = g->in->trusted->info;
	struct pool_encoders *encoders = &g->pool->encoders;
	AUTO(zstd_encoder_freep)
	struct zstd_encoder *e = take_encoder(encoders, g->in->level);
	AUTO(source_closep) struct nf_source *nar = verified_nar(g, g->in->source);
	struct fd_sink out;
	int rc;

	fd_sink_init(&out, g->entry->nar.fd, g->file.sha256, g->file.xxh3);
	rc = zstd_encoder_start(e, &out.sink, info->nar_size, err);
	if (rc)
		return rc;
	nar = source_tee(nar, zstd_encoder_sink(e));
	rc = drv_nar_check(&info->path, nar, &g->file.inodes, err);
	if (!rc)
		rc = zstd_encoder_finish(e, err);
	if (rc)
		return rc;
	give_encoder(encoders, g->in->level, TAKE_PTR(e));
	g->file.codec = CODEC_ZSTD;
	g->file.level = g->in->level;
	g->file.size = out.written;
	return 0;
}

/* Decodes and verifies; the undecoded bytes also go to SINK. */
static int check_kept(struct pool_job *g, struct nf_sink *sink, struct nf_err *err)
{
	AUTO(source_closep)
	struct nf_source *nar = verified_nar(g, source_tee(g->in->source, sink));

	g->file.level = POOL_KEEP;
	return drv_nar_check(&g->in->trusted->info->path, nar, &g->file.inodes, err);
}

static int store_kept(struct pool_job *g, struct nf_err *err)
{
	struct fd_sink out;
	int rc;

	fd_sink_init(&out, g->entry->nar.fd, g->file.sha256, g->file.xxh3);
	rc = check_kept(g, &out.sink, err);
	g->file.size = out.written;
	return rc;
}

/* A sink that only hashes, for a file that is kept unchanged. */
struct digest_sink {
	struct nf_sink sink;
	struct stored *stored;
};

static int digest_write(struct nf_sink *sink, const void *bytes, size_t len,
			struct nf_err *err)
{
	struct digest_sink *d = (struct digest_sink *)sink;

	(void)err;
	hasher_update(d->stored->sha256, bytes, len);
	xxh3_update(d->stored->xxh3, bytes, len);
	d->stored->size += len;
	return 0;
}

/* ---- the entry ---- */

/* Writes the entry's narinfo and sets the final names of its files. */
static int describe_entry(struct pool_job *g, struct nf_err *err)
{
	const struct nf_trusted *t = g->in->trusted;
	struct stored *s = &g->file;
	/* A copy without ownership, only for formatting. */
	struct nf_narinfo ni = { .info = *t->info, .has_file_hash = true };
	char url[POOL_URL_MAX];
	AUTO_FREE char *text = NULL;
	size_t len;
	int rc;

	hasher_final(s->sha256, &ni.file_hash);
	xxh3_final(s->xxh3, ni.xxh3);
	ni.has_xxh3 = true;
	ni.url = nf_slice_str(pool_url(url, &ni.file_hash, s->codec));
	ni.compression = nf_slice_str(codec_name(s->codec));
	ni.file_size = s->size;
	ni.inodes = s->inodes;
	ni.level = (uint8_t)s->level;
	ni.by_store = t->by_store;
	g->entry->nar_name = mem_strdup(url + POOL_URL_FILE);
	g->entry->size = s->size;
	text = nf_narinfo_format(&ni, &len);
	rc = pool_temp_open(&g->entry->info, g->pool, err);
	return rc ? rc : file_write_all(g->entry->info.fd, text, len, "narinfo", err);
}

static int check_level(int level, struct nf_err *err)
{
	if (level == POOL_KEEP || (level >= ZSTD_LEVEL_MIN && level <= ZSTD_LEVEL_MAX))
		return 0;
	return err_set(err, NF_E_USAGE, "zstd level %d is not between %d and %d", level,
		       ZSTD_LEVEL_MIN, ZSTD_LEVEL_MAX);
}

static int store(struct pool_job *g, struct nf_err *err)
{
	int rc = pool_temp_open(&g->entry->nar, g->pool, err);

	if (rc)
		source_close(g->in->source);
	else if (g->in->level == POOL_KEEP)
		rc = store_kept(g, err);
	else
		rc = store_encoded(g, err);
	return rc ? rc : describe_entry(g, err);
}

/* The file of the partial download itself becomes the NAR. */
static int keep_partial(struct pool_job *g, struct pool_partial *pp, struct nf_err *err)
{
	struct digest_sink digest = { { digest_write }, &g->file };
	int rc;

	rc = check_kept(g, &digest.sink, err);
	if (!rc)
		rc = describe_entry(g, err);
	if (!rc)
		rc = pool_partial_forget(g->pool, pp, err);
	if (rc)
		return rc;
	g->entry->nar = (struct pool_temp){ .pool = g->pool,
					    .fd = TAKE_FD(pp->fd),
					    .name = TAKE_PTR(pp->name),
					    .keep = true };
	return 0;
}

static int encode_partial(struct pool_job *g, struct pool_partial *pp, struct nf_err *err)
{
	int rc = store(g, err);

	if (rc)
		return rc;
	/* Remove it only when the entry exists, so that a kill loses no download. */
	g->entry->partial = *pp;
	*pp = (struct pool_partial){ .fd = -1 };
	return 0;
}

/* Returns the partial download to the caller, who decides what to do with it. */
static void give_back(struct pool_pending *e, struct pool_partial *pp)
{
	if (e->nar.keep) {
		pp->fd = TAKE_FD(e->nar.fd);
		pp->name = TAKE_PTR(e->nar.name);
	} else {
		*pp = e->partial;
	}
}

/* PP may be NULL. */
static int ingest(struct pool *p, const struct pool_input *in, struct pool_partial *pp,
		  struct nf_err *err)
{
	AUTO(ingest_release) struct pool_job g = { 0 };
	int rc;

	ingest_init(&g, p, in);
	rc = check_level(in->level, err);
	if (rc)
		source_close(in->source);
	else if (!pp)
		rc = store(&g, err);
	else if (in->level == POOL_KEEP)
		rc = keep_partial(&g, pp, err);
	else
		rc = encode_partial(&g, pp, err);
	if (rc)
		return rc;
	rc = pool_commit_push(&p->commit, g.entry, err);
	if (!rc)
		g.entry = NULL; /* for the committer */
	else if (pp)
		give_back(g.entry, pp);
	return rc;
}

int pool_ingest(struct pool *p, const struct pool_input *in, struct nf_err *err)
{
	return ingest(p, in, NULL, err);
}

int pool_ingest_partial(struct pool *p, const struct pool_input *in,
			struct pool_partial *pp, struct nf_err *err)
{
	return ingest(p, in, pp, err);
}

/* Restates the verdict that the entry was stored with: the user trusts the pool's owner.
 * The NAR's hash is still compared. */
static struct nf_trusted trust_own_entry(const struct nf_narinfo *ni)
{
	return (struct nf_trusted){ .info = &ni->info,
				    .vouched_by = "the pool",
				    .by_store = ni->by_store };
}

int pool_reencode(struct pool *p, const struct nf_narinfo *ni, int level,
		  struct nf_err *err)
{
	const struct nf_trusted trusted = trust_own_entry(ni);
	struct pool_input in = { .trusted = &trusted, .level = level };
	AUTO_FD int fd = -1;
	int rc;

	rc = pool_open_nar(p, ni, &fd, err);
	if (rc)
		return rc;
	if (!codec_parse(&in.codec, ni->compression))
		return err_set(err, NF_E_UNSUPPORTED, "compression '%.*s'",
			       NF_SLICE_ARG(ni->compression));
	in.source = nf_source_of_fd_range(fd, 0, ni->file_size);
	rc = pool_ingest(p, &in, err);
	return rc ? err_prefix(err, rc, "pool entry '%s'", ni->info.path.base) : 0;
}
