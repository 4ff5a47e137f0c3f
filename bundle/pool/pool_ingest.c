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

/* The running digests of a file, and what they came to. */
struct stored {
	struct hasher *sha256;
	struct xxh3 *xxh3;
	enum codec codec;
	int level;
	uint64_t size;
	uint64_t nodes;
};

static void stored_init(struct stored *s)
{
	*s = (struct stored){ .sha256 = hasher_new(NF_SHA256), .xxh3 = xxh3_new() };
}

static void stored_release(struct stored *s)
{
	hasher_free(s->sha256);
	xxh3_free(s->xxh3);
}

/* ---- encoders ---- */

/* One of the level that is asked for; those of another level, which somebody asked for
 * earlier, go. */
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

/* ---- the two ways to store ---- */

/* IN (taken over), decoded, verified and counted as work. */
static struct nf_source *checked(struct pool *p, const struct nf_trusted *t,
				 struct nf_source *in)
{
	return progress_source(nar_checked_source(in, t), p->progress,
			       PROGRESS_WORK_DONE);
}

/* IN (taken over) decoded, verified, its structure checked, and encoded into FD: one pass
 * over the bytes, which end only when all of it was as promised. */
static int store_encoded(struct pool *p, const struct nf_trusted *t, enum codec codec,
			 struct nf_source *in, int level, int fd, struct stored *s,
			 struct nf_err *err)
{
	AUTO(zstd_encoder_freep)
	struct zstd_encoder *e = take_encoder(&p->encoders, level);
	AUTO(source_closep)
	struct nf_source *nar = checked(p, t, decoder_new(codec, in));
	struct fd_sink out;
	int rc;

	fd_sink_init(&out, fd, s->sha256, s->xxh3);
	rc = zstd_encoder_start(e, &out.sink, t->info->nar_size, err);
	if (rc)
		return rc;
	nar = source_tee(nar, zstd_encoder_sink(e));
	rc = drv_nar_check(&t->info->path, nar, &s->nodes, err);
	if (!rc)
		rc = zstd_encoder_finish(e, err);
	if (rc)
		return rc;
	give_encoder(&p->encoders, level, TAKE_PTR(e));
	s->codec = CODEC_ZSTD;
	s->level = level;
	s->size = out.written;
	return 0;
}

/* IN (taken over) decoded and verified; what passes undecoded goes to SINK too. */
static int check_kept(struct pool *p, const struct nf_trusted *t, struct nf_source *in,
		      struct nf_sink *sink, struct stored *s, struct nf_err *err)
{
	AUTO(source_closep)
	struct nf_source *nar =
		checked(p, t, decoder_new(s->codec, source_tee(in, sink)));

	s->level = POOL_KEEP;
	return drv_nar_check(&t->info->path, nar, &s->nodes, err);
}

static int store_kept(struct pool *p, const struct nf_trusted *t, struct nf_source *in,
		      int fd, struct stored *s, struct nf_err *err)
{
	struct fd_sink out;
	int rc;

	fd_sink_init(&out, fd, s->sha256, s->xxh3);
	rc = check_kept(p, t, in, &out.sink, s, err);
	s->size = out.written;
	return rc;
}

/* A sink that only digests, for a file that stays as it is. */
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

/* Fills E's narinfo and the names that its files will have. */
static int describe(struct pool *p, struct pool_pending *e, const struct nf_trusted *t,
		    struct stored *s, struct nf_err *err)
{
	/* A copy without ownership, only to be formatted. */
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
	ni.nodes = s->nodes;
	ni.level = (uint8_t)s->level;
	ni.by_store = t->by_store;
	e->nar_name = mem_strdup(url + POOL_URL_FILE);
	e->size = s->size;
	text = nf_narinfo_format(&ni, &len);
	rc = pool_temp_open(&e->info, p, err);
	return rc ? rc : file_write_all(e->info.fd, text, len, "narinfo", err);
}

static int check_level(int level, struct nf_err *err)
{
	if (level == POOL_KEEP || (level >= ZSTD_LEVEL_MIN && level <= ZSTD_LEVEL_MAX))
		return 0;
	return err_set(err, NF_E_USAGE, "zstd level %d is not between %d and %d", level,
		       ZSTD_LEVEL_MIN, ZSTD_LEVEL_MAX);
}

static int store(struct pool *p, struct pool_pending *e, const struct nf_trusted *t,
		 enum codec codec, struct nf_source *in, int level, struct nf_err *err)
{
	AUTO(stored_release) struct stored s = { 0 };
	int rc;

	stored_init(&s);
	s.codec = codec;
	rc = pool_temp_open(&e->nar, p, err);
	if (rc)
		source_close(in);
	else if (level == POOL_KEEP)
		rc = store_kept(p, t, in, e->nar.fd, &s, err);
	else
		rc = store_encoded(p, t, codec, in, level, e->nar.fd, &s, err);
	return rc ? rc : describe(p, e, t, &s, err);
}

int pool_ingest(struct pool *p, const struct nf_trusted *t, enum codec codec,
		struct nf_source *in, int level, struct nf_err *err)
{
	AUTO(pool_pending_freep)
	struct pool_pending *e = pool_pending_new(&t->info->path);
	int rc;

	rc = check_level(level, err);
	if (rc)
		source_close(in);
	else
		rc = store(p, e, t, codec, in, level, err);
	if (!rc)
		rc = pool_commit_push(&p->commit, e, err);
	if (!rc)
		e = NULL; /* the committer's */
	return rc;
}

/* The file itself becomes the NAR. */
static int keep_partial(struct pool *p, struct pool_pending *e,
			const struct nf_trusted *t, enum codec codec,
			struct pool_partial *pp, struct nf_source *in, struct nf_err *err)
{
	AUTO(stored_release) struct stored s = { 0 };
	struct digest_sink digest = { { digest_write }, &s };
	int rc;

	stored_init(&s);
	s.codec = codec;
	rc = check_kept(p, t, in, &digest.sink, &s, err);
	if (!rc)
		rc = describe(p, e, t, &s, err);
	if (!rc)
		rc = pool_partial_forget(p, pp, err);
	if (rc)
		return rc;
	e->nar = (struct pool_temp){
		.pool = p, .fd = TAKE_FD(pp->fd), .name = TAKE_PTR(pp->name), .keep = true
	};
	return 0;
}

static int encode_partial(struct pool *p, struct pool_pending *e,
			  const struct nf_trusted *t, enum codec codec,
			  struct pool_partial *pp, struct nf_source *in, int level,
			  struct nf_err *err)
{
	int rc = store(p, e, t, codec, in, level, err);

	if (rc)
		return rc;
	/* Removed only when the entry is there, so that a kill costs no download. */
	e->partial = *pp;
	*pp = (struct pool_partial){ .fd = -1 };
	return 0;
}

/* The caller decides about it again. */
static void give_back(struct pool_pending *e, struct pool_partial *pp)
{
	if (e->nar.keep) {
		pp->fd = TAKE_FD(e->nar.fd);
		pp->name = TAKE_PTR(e->nar.name);
	} else {
		*pp = e->partial;
	}
}

int pool_ingest_partial(struct pool *p, const struct nf_trusted *t, enum codec codec,
			struct pool_partial *pp, struct nf_source *in, int level,
			struct nf_err *err)
{
	AUTO(pool_pending_freep)
	struct pool_pending *e = pool_pending_new(&t->info->path);
	int rc;

	rc = check_level(level, err);
	if (rc)
		source_close(in);
	else if (level == POOL_KEEP)
		rc = keep_partial(p, e, t, codec, pp, in, err);
	else
		rc = encode_partial(p, e, t, codec, pp, in, level, err);
	if (rc)
		return rc;
	rc = pool_commit_push(&p->commit, e, err);
	if (rc)
		give_back(e, pp);
	else
		e = NULL; /* the committer's */
	return rc;
}

int pool_reencode(struct pool *p, const struct nf_narinfo *ni, int level,
		  struct nf_err *err)
{
	/* It was verified when it came; the NAR's hash is compared again all the same. */
	const struct nf_trusted t = { .info = &ni->info,
				      .by = "the pool",
				      .by_store = ni->by_store };
	AUTO_FD int fd = -1;
	enum codec codec;
	int rc;

	rc = pool_open_nar(p, ni, &fd, err);
	if (rc)
		return rc;
	if (!codec_parse(&codec, ni->compression))
		return err_set(err, NF_E_UNSUPPORTED, "compression '%.*s'",
			       NF_SLICE_ARG(ni->compression));
	rc = pool_ingest(p, &t, codec, nf_source_of_fd_range(fd, 0, ni->file_size), level,
			 err);
	return rc ? err_prefix(err, rc, "pool entry '%s'", ni->info.path.base) : 0;
}
