#include <nixferry/bundle.h>

#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/plural.h"
#include "format/bundle_blocks.h"
#include "format/bundle_cache.h"
#include "format/bundle_head.h"
#include "format/bundle_stream.h"

struct nf_bundle {
	char *name;
	bool seekable;
	struct bundle_head head;
	struct bundle_blocks blocks;
	union {
		struct bundle_cache cache;   /* if seekable */
		struct bundle_stream stream; /* otherwise */
	};
};

/* ---- opening ---- */

/* Check early, so that importing a truncated file writes nothing at all. */
static int check_file_size(const struct stat *st, const struct bundle_head *h,
			   struct nf_err *err)
{
	uint64_t have = (uint64_t)st->st_size;
	uint64_t want = h->size + h->manifest.payload_size;

	if (have < want)
		return err_set(err, NF_E_FORMAT,
			       "truncated: %" PRIu64 " of %" PRIu64 " bytes", have, want);
	if (have > want)
		return err_set(err, NF_E_FORMAT, "%" PRIu64 " %s the bundle", have - want,
			       plural(have - want, "byte follows", "bytes follow"));
	return 0;
}

static int open_head(struct nf_bundle *b, int fd, const struct nf_keyring *ring,
		     struct nf_bundle_signers *signers, struct nf_err *err)
{
	struct bundle_head *h = &b->head;
	struct stat st;
	int rc;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "cannot stat it");
	b->seekable = S_ISREG(st.st_mode);
	rc = bundle_head_read(h, fd, b->seekable, ring, signers, err);
	if (!rc && b->seekable)
		rc = check_file_size(&st, h, err);
	if (!rc)
		rc = bundle_blocks_init(&b->blocks, &h->manifest, h->digests,
					h->digests_len, err);
	if (rc)
		return rc;
	h->digests = NULL;
	if (b->seekable)
		bundle_cache_init(&b->cache, &b->blocks, fd, h->size);
	else
		bundle_stream_init(&b->stream, &b->blocks, fd);
	return 0;
}

int nf_bundle_open(struct nf_bundle **ret, int fd, const char *name,
		   const struct nf_keyring *ring, struct nf_bundle_signers *ret_signers,
		   struct nf_err *err)
{
	struct nf_bundle *b = mem_calloc(1, sizeof(*b));
	struct nf_bundle_signers signers = { 0 };
	int rc;

	bundle_head_init(&b->head);
	rc = open_head(b, fd, ring, &signers, err);
	if (ret_signers)
		*ret_signers = signers;
	else
		nf_bundle_signers_release(&signers);
	if (rc) {
		bundle_head_release(&b->head);
		free(b);
		return err_prefix(err, rc, "bundle '%s'", name);
	}
	b->name = mem_strdup(name);
	*ret = b;
	return 0;
}

void nf_bundle_free(struct nf_bundle *b)
{
	if (!b)
		return;
	if (b->seekable)
		bundle_cache_release(&b->cache);
	else
		bundle_stream_release(&b->stream);
	bundle_blocks_release(&b->blocks);
	bundle_head_release(&b->head);
	free(b->name);
	free(b);
}

/* ---- manifest ---- */

const char *nf_bundle_signed_by(const struct nf_bundle *b)
{
	return b->head.signer;
}

const char *nf_bundle_signing_key(const struct nf_bundle *b)
{
	return b->head.trusted[0];
}

size_t nf_bundle_trusted_key_count(const struct nf_bundle *b)
{
	return b->head.trusted_count;
}

const char *nf_bundle_trusted_key(const struct nf_bundle *b, size_t i)
{
	assert(i < b->head.trusted_count);
	return b->head.trusted[i];
}

bool nf_bundle_is_seekable(const struct nf_bundle *b)
{
	return b->seekable;
}

unsigned nf_bundle_version(const struct nf_bundle *b)
{
	return b->head.manifest.version;
}

const struct nf_bundle_terms *nf_bundle_terms(const struct nf_bundle *b)
{
	return &b->head.manifest.terms;
}

size_t nf_bundle_root_count(const struct nf_bundle *b)
{
	return b->head.manifest.root_count;
}

const struct nf_storepath *nf_bundle_root(const struct nf_bundle *b, size_t i)
{
	assert(i < b->head.manifest.root_count);
	return &b->head.manifest.roots[i];
}

size_t nf_bundle_member_count(const struct nf_bundle *b)
{
	return b->head.manifest.member_count;
}

const struct nf_bundle_member *nf_bundle_member(const struct nf_bundle *b, size_t i)
{
	assert(i < b->head.manifest.member_count);
	return &b->head.manifest.members[i];
}

uint64_t nf_bundle_payload_size(const struct nf_bundle *b)
{
	return b->head.manifest.payload_size;
}

uint64_t nf_bundle_total_size(const struct nf_bundle *b)
{
	return b->head.size + b->head.manifest.payload_size;
}

/* ---- members ---- */

struct member_source {
	struct nf_source src;
	struct nf_bundle *b;
	uint64_t at; /* offsets in the payload */
	uint64_t end;
	struct bundle_block *block;	    /* block returned last, or NULL */
	struct bundle_stream_reader reader; /* for a stream */
};

static int get_block(struct member_source *s, struct nf_err *err)
{
	struct nf_bundle *b = s->b;
	int rc;

	if (b->seekable)
		rc = bundle_cache_get(&b->cache, s->at / BUNDLE_BLOCK_SIZE, &s->block,
				      err);
	else
		rc = bundle_stream_get(&b->stream, &s->reader, &s->block, err);
	return rc ? err_prefix(err, rc, "bundle '%s'", b->name) : 0;
}

static int member_next(struct nf_source *src, struct nf_slice *ret, struct nf_err *err)
{
	struct member_source *s = (struct member_source *)src;
	uint64_t until, start;
	int rc;

	*ret = nf_slice(NULL, 0);
	bundle_blocks_unref(&s->b->blocks, TAKE_PTR(s->block));
	if (s->at == s->end)
		return 0;
	rc = get_block(s, err);
	if (rc)
		return rc;
	start = bundle_blocks_start(s->block->index);
	assert(s->at >= start && s->at - start < s->block->len);
	until = start + s->block->len;
	if (until > s->end)
		until = s->end;
	*ret = nf_slice((const char *)s->block->data + (s->at - start),
			(size_t)(until - s->at));
	s->at = until;
	return 0;
}

static void member_close(struct nf_source *src)
{
	struct member_source *s = (struct member_source *)src;

	bundle_blocks_unref(&s->b->blocks, s->block);
	if (!s->b->seekable)
		bundle_stream_close(&s->b->stream, &s->reader);
	free(s);
}

int nf_bundle_member_source(struct nf_bundle *b, size_t i, struct nf_source **ret,
			    struct nf_err *err)
{
	const struct nf_bundle_member *member = nf_bundle_member(b, i);
	struct member_source *s = mem_calloc(1, sizeof(*s));
	int rc = 0;

	s->src = (struct nf_source){ member_next, member_close };
	s->b = b;
	s->at = member->offset;
	s->end = member->offset + member->size;
	if (!b->seekable)
		rc = bundle_stream_open(&b->stream, &s->reader, s->at, s->end, err);
	if (rc) {
		free(s);
		return err_prefix(err, rc, "bundle '%s': member '%s'", b->name,
				  member->name);
	}
	*ret = &s->src;
	return 0;
}

int nf_bundle_check_rest(struct nf_bundle *b, struct nf_err *err)
{
	int rc = b->seekable ? bundle_cache_finish(&b->cache, err)
			     : bundle_stream_finish(&b->stream, err);

	return rc ? err_prefix(err, rc, "bundle '%s'", b->name) : 0;
}
